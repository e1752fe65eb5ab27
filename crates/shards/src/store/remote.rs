//! Opens object stores of cloud providers with the settings and credentials of the environment.

use object_store::ObjectStore;

use crate::ShardsError;
use crate::location::Remote;

#[cfg(feature = "remote")]
pub(super) fn open(
    remote: &Remote,
) -> Result<object_store::Result<Box<dyn ObjectStore>>, ShardsError> {
    use object_store::ClientConfigKey::Timeout;
    use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
    use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
    use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
    use object_store::{BackoffConfig, RetryConfig};

    use crate::location::Scheme;
    use crate::retry::{INITIAL_BACKOFF, MAX_BACKOFF, RETRY_TIMEOUT};

    let bucket = remote.bucket.as_str();
    // Time limits the retries, not their number: ten attempts would fail within a second.
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: INITIAL_BACKOFF,
            max_backoff: MAX_BACKOFF,
            base: 3.0,
        },
        max_retries: 1_000,
        retry_timeout: RETRY_TIMEOUT,
    };
    // With the default timeout of 30 s, four concurrent parts of an upload would need more than 1 MB/s.
    let timeout = |variable| std::env::var(variable).unwrap_or_else(|_| "120 seconds".into());
    let boxed: object_store::Result<Box<dyn ObjectStore>> = match remote.scheme {
        Scheme::Amazon => AmazonS3Builder::from_env()
            .with_config(AmazonS3ConfigKey::Client(Timeout), timeout("AWS_TIMEOUT"))
            .with_bucket_name(bucket)
            .with_retry(retry)
            .build()
            .map(|objects| Box::new(objects) as _),
        Scheme::Google => GoogleCloudStorageBuilder::from_env()
            .with_config(GoogleConfigKey::Client(Timeout), timeout("GOOGLE_TIMEOUT"))
            .with_bucket_name(bucket)
            .with_retry(retry)
            .build()
            .map(|objects| Box::new(objects) as _),
        Scheme::Azure => MicrosoftAzureBuilder::from_env()
            .with_config(AzureConfigKey::Client(Timeout), timeout("AZURE_TIMEOUT"))
            .with_container_name(bucket)
            .with_retry(retry)
            .build()
            .map(|objects| Box::new(objects) as _),
    };
    Ok(boxed)
}

#[cfg(not(feature = "remote"))]
pub(super) fn open(
    remote: &Remote,
) -> Result<object_store::Result<Box<dyn ObjectStore>>, ShardsError> {
    Err(ShardsError::NotBuilt(crate::location::Location::Remote(remote.clone()).to_string()))
}
