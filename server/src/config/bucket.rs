//! The bucket of an S3 service that keeps the files, as the settings name it.

use reqwest::Url;
use std::fmt;

/// A bucket of an S3 service: `s3://bucket/prefixo?endpoint=…&regiao=…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub nome: String,
    /// What every key begins with; may be empty.
    pub prefixo: String,
    /// The address of the service; that of AWS when `None`.
    pub endpoint: Option<String>,
    /// The region.
    pub regiao: String,
}

/// Reads `s3://…`.
pub fn parse(texto: &str) -> Option<Bucket> {
    let url = Url::parse(texto).ok().filter(|url| url.scheme() == "s3")?;
    // Keys have settings of their own, which are not shown.
    if !url.username().is_empty() || url.password().is_some() || url.port().is_some() {
        return None;
    }
    let nome = url.host_str()?.to_owned();
    let prefixo = url.path().trim_matches('/').to_owned();
    let mut bucket = Bucket { nome, prefixo, endpoint: None, regiao: "us-east-1".to_owned() };
    for (name, value) in url.query_pairs() {
        let value = value.into_owned();
        match &*name {
            "endpoint" => {
                Url::parse(&value).ok().filter(|url| ["http", "https"].contains(&url.scheme()))?;
                bucket.endpoint = Some(value);
            }
            "regiao" if !value.is_empty() => bucket.regiao = value,
            _ => return None,
        }
    }
    Some(bucket)
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.nome, self.prefixo)?;
        if let Some(endpoint) = &self.endpoint {
            write!(f, "?endpoint={endpoint}")?;
        }
        Ok(())
    }
}

/// A key of the store's service, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Segredo(pub String);

impl fmt::Debug for Segredo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Segredo")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_read_with_its_prefix_endpoint_and_region() {
        let bucket = parse("s3://fotos/campo?endpoint=http://127.0.0.1:9000&regiao=br-1").unwrap();
        assert_eq!((&*bucket.nome, &*bucket.prefixo, &*bucket.regiao), ("fotos", "campo", "br-1"));
        assert_eq!(bucket.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!(parse("s3://fotos").unwrap().prefixo, "");
        for other in ["fotos", "/fotos", "s3://", "s3://a:b@fotos", "s3://fotos?outra=1"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
