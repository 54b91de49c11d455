//! The bucket of an S3 service, as `CAMPO_OBJECTS` names it.

use reqwest::Url;
use std::fmt;

/// A bucket of an S3 service: `s3://bucket/prefixo?endpoint=…&regiao=…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What every key begins with; may be empty.
    pub prefix: String,
    /// The address of the service; that of AWS when `None`.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
}

/// Reads `s3://…`.
pub fn parse(text: &str) -> Option<Bucket> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "s3")?;
    // The access keys have settings of their own.
    if !url.username().is_empty() || url.password().is_some() || url.port().is_some() {
        return None;
    }
    let name = url.host_str()?.to_owned();
    let prefix = url.path().trim_matches('/').to_owned();
    let mut bucket = Bucket { name, prefix, endpoint: None, region: "us-east-1".to_owned() };
    for (name, value) in url.query_pairs() {
        let value = value.into_owned();
        match &*name {
            "endpoint" => {
                Url::parse(&value).ok().filter(|url| ["http", "https"].contains(&url.scheme()))?;
                bucket.endpoint = Some(value);
            }
            "regiao" if !value.is_empty() => bucket.region = value,
            _ => return None,
        }
    }
    Some(bucket)
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.name, self.prefix)?;
        if let Some(endpoint) = &self.endpoint {
            write!(f, "?endpoint={endpoint}")?;
        }
        Ok(())
    }
}

/// A key of the S3 service, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_read_with_its_prefix_endpoint_and_region() {
        let bucket = parse("s3://fotos/campo?endpoint=http://127.0.0.1:9000&regiao=br-1").unwrap();
        assert_eq!((&*bucket.name, &*bucket.prefix, &*bucket.region), ("fotos", "campo", "br-1"));
        assert_eq!(bucket.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!(parse("s3://fotos").unwrap().prefix, "");
        for other in ["fotos", "/fotos", "s3://", "s3://a:b@fotos", "s3://fotos?outra=1"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
