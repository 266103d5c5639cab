//! The part of Secrets Manager that the function uses:
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>

use serde_json::json;

use crate::response::JsonResponse;

/// Answers `GetSecretValue`. `None` is a secret that does not exist.
pub(crate) fn get_secret_value(secret: Option<&str>) -> JsonResponse {
    match secret {
        Some(text) => JsonResponse::new(
            200,
            json!({
                "ARN": "arn:aws:secretsmanager:us-east-1:000000000000:secret:local",
                "Name": "local",
                "SecretString": text,
                "VersionStages": ["AWSCURRENT"],
            }),
        ),
        None => JsonResponse::new(
            400,
            json!({
                "__type": "ResourceNotFoundException",
                "Message": "Secrets Manager can't find the specified secret.",
            }),
        ),
    }
}
