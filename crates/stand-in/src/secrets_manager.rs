//! Secrets Manager, as far as the function uses it:
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>

use serde_json::json;

use super::Reply;

pub(super) fn get_secret_value(secret: Option<&str>) -> Reply {
    match secret {
        Some(text) => Reply::new(
            200,
            json!({
                "ARN": "arn:aws:secretsmanager:us-east-1:000000000000:secret:local",
                "Name": "local",
                "SecretString": text,
                "VersionStages": ["AWSCURRENT"],
            }),
        ),
        None => Reply::new(
            400,
            json!({
                "__type": "ResourceNotFoundException",
                "Message": "Secrets Manager can't find the specified secret.",
            }),
        ),
    }
}
