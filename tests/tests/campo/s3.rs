//! A server whose objects are in a bucket of a real S3 service: everything that happens to a photo
//! happens there too.

use crate::{
    estudio::{Estudio, sha256},
    tus::{Programa, cabecalho, declara},
};
use campo_domain::registro::SituacaoArquivo::Verificada;
use campo_tests::{pictures::Shot, s3::S3};

#[test]
fn a_photo_goes_to_the_bucket_is_verified_shared_and_read_in_ranges() {
    let s3 = S3::start().unwrap();
    let settings = s3.settings("casa/fotos");
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let estudio = Estudio::com(&settings, 0);
    let programa = Programa::de(&estudio, &estudio.adm);
    let caso = estudio.caso(&estudio.adm);
    let bytes = Shot::new(1, 2_000, 1_500).jpeg().unwrap();
    let (hash, half) = (sha256(&bytes), bytes.len() / 2);

    // In two requests, each of them parts of its own.
    let anexo = declara(&estudio.adm, &caso, &bytes);
    let location = cabecalho(&programa.cria(caso.id, anexo, bytes.len() as u64), "location");
    assert_eq!(programa.manda(&location, 0, &[], &bytes[..half]).status(), 204);
    assert_eq!(programa.tem(&location), Ok(half as u64));
    assert!(s3.objects().unwrap().iter().any(|key| key.contains("/envios/")));
    assert_eq!(programa.manda(&location, half as u64, &[], &bytes[half..]).status(), 204);
    estudio.espera_estado(caso.id, anexo, Verificada);
    assert_eq!(estudio.guardado(&hash).unwrap(), bytes);
    let original = format!("casa/fotos/{}/originais/{}/{hash}", estudio.tenant, &hash[..2]);
    assert!(s3.objects().unwrap().contains(&original), "{:?}", s3.objects());

    // The same bytes in another record are the same object, and are not sent again.
    let outro = estudio.caso(&estudio.adm);
    let mesma = declara(&estudio.adm, &outro, &bytes);
    let up = estudio.proxy.up();
    programa.envia(outro.id, mesma, &bytes);
    estudio.espera_estado(outro.id, mesma, Verificada);
    assert!(estudio.proxy.up() - up < 1_000, "sent again");
    assert_eq!(estudio.objetos_em("originais/").len(), 1);

    let path = format!("/v1/anexos/{}/{anexo}/original", caso.id);
    let part = programa.pede("GET", &path, &[("range", "bytes=1000-1999")], b"");
    assert_eq!((part.status().as_u16(), cabecalho(&part, "content-length")), (206, "1000".into()));
    assert_eq!(part.into_body().read_to_vec().unwrap(), bytes[1_000..2_000]);
    let whole = programa.pede("GET", &path, &[], b"");
    assert_eq!(cabecalho(&whole, "etag"), format!("\"{hash}\""));
    let whole = whole.into_body().into_with_config().limit(64 << 20).read_to_vec().unwrap();
    assert_eq!(whole, bytes);

    // Nobody sent a thumbnail: the server makes it.
    let path = format!("/v1/anexos/{}/{anexo}/miniatura", caso.id);
    estudio.espera("the thumbnail", || estudio.objetos_em("derivados/").len() == 2);
    let small = programa.pede("GET", &path, &[], b"").into_body().read_to_vec().unwrap();
    let small = image::load_from_memory(&small).unwrap();
    assert_eq!((small.width(), small.height()), (320, 240));

    // What is verified has left nothing of its way there.
    estudio.espera("the parts are gone", || estudio.objetos_em("envios/").is_empty());
}
