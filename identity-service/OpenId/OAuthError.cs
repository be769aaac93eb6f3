using AuthMesh.Errors;

namespace AuthMesh.Identity.OpenId;

/// <summary>The refusals of the token endpoint (RFC 6749 §5.2), beside those of malformed requests.</summary>
internal static class OAuthError
{
    /// <summary>The application did not authenticate. What was wrong stays unsaid.</summary>
    public static readonly Failure InvalidClient = new(
        StatusCodes.Status401Unauthorized, "invalid_client", "The client_id or the secret is wrong, or the application is disabled")
    {
        Challenge = "Basic realm=\"authmesh\", charset=\"UTF-8\"", // RFC 7617 §2.1
    };

    public static readonly Failure
        UnsupportedGrant = new(StatusCodes.Status400BadRequest, "unsupported_grant_type", "grant_type must be client_credentials"),
        InvalidScope = new(
            StatusCodes.Status400BadRequest, "invalid_scope",
            "The application does not have each of these scopes, or one is given twice");
}
