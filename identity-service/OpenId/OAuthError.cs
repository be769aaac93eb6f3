using AuthMesh.Errors;

namespace AuthMesh.Identity.OpenId;

/// <summary>The refusals of the protocol's endpoints (RFC 6749 §5.2 and others), beside those of malformed requests.</summary>
internal static class OAuthError
{
    /// <summary>The application did not authenticate. What was wrong stays unsaid.</summary>
    public static readonly Failure InvalidClient = new(
        StatusCodes.Status401Unauthorized, "invalid_client",
        "The client_id, the secret or the assertion is wrong, or the application is disabled")
    {
        Challenge = "Basic realm=\"authmesh\", charset=\"UTF-8\"", // RFC 7617 §2.1
    };

    public static readonly Failure
        UnsupportedGrant = new(
            StatusCodes.Status400BadRequest, "unsupported_grant_type", "grant_type is not one of those in the metadata of this server"),
        UnauthorizedClient = new(StatusCodes.Status400BadRequest, "unauthorized_client", "The application may not use this grant"),
        InvalidScope = new(
            StatusCodes.Status400BadRequest, "invalid_scope",
            "The application does not have each of these scopes, or one is given twice"),

        // One message for every reason: a thief learns nothing.
        InvalidGrant = new(
            StatusCodes.Status400BadRequest, "invalid_grant", "The code or token is invalid, expired, revoked or another application's"),

        // RFC 8707 §2
        InvalidTarget = new(
            StatusCodes.Status400BadRequest, "invalid_target",
            "The application may not get tokens for this resource. A request names one resource"),

        UnsupportedResponseType = new(StatusCodes.Status400BadRequest, "unsupported_response_type", "response_type must be code"),
        RequestNotSupported = new(StatusCodes.Status400BadRequest, "request_not_supported", "Request objects are not supported"),
        RequestUriNotSupported = new(
            StatusCodes.Status400BadRequest, "request_uri_not_supported", "request_uri must come from this server"),
        RegistrationNotSupported = new(
            StatusCodes.Status400BadRequest, "registration_not_supported", "The parameter registration is not supported"),

        // RFC 8628 §3.5
        AuthorizationPending = new(StatusCodes.Status400BadRequest, "authorization_pending", "The user has not decided yet. Ask again"),
        SlowDown = new(StatusCodes.Status400BadRequest, "slow_down", "That was too early. Wait five seconds longer from now on"),
        AccessDenied = new(StatusCodes.Status400BadRequest, "access_denied", "The user refused"),
        ExpiredToken = new(StatusCodes.Status400BadRequest, "expired_token", "The user did not decide in time. Begin again");
}
