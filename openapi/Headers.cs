using Microsoft.OpenApi;

namespace AuthMesh.OpenApi;

/// <summary>The headers of answers.</summary>
internal static class Headers
{
    public const string RetryAfter = "Retry-After", Challenge = "WWW-Authenticate";

    private const string SetCookie = "Set-Cookie";

    // These sign a browser in or out, or renew its session cookie.
    private static readonly HashSet<string> CookieSetters =
    [
        "DELETE /account", "DELETE /account/sessions/{id}", "DELETE /users/{id}", "DELETE /users/{id}/sessions", "PATCH /users/{id}",
        "POST /account/password", "POST /account/reauthenticate", "POST /account/totp/confirm", "POST /login", "POST /login/passkey",
        "POST /login/recovery-code", "POST /login/totp", "POST /logout", "POST /password/reset",
    ];

    /// <summary>Those that answers name, and those that any answer may have.</summary>
    public static Dictionary<string, IOpenApiHeader> All { get; } = new()
    {
        [RetryAfter] = new OpenApiHeader
        {
            Description = "After how many seconds to try again (RFC 9110 §10.2.3)",
            Schema = new OpenApiSchema { Type = JsonSchemaType.Integer },
        },
        [Challenge] = Text("What the caller must bring (RFC 6750 §3, RFC 9470)"),
        [SetCookie] = Text("Sets or removes the cookies of a browser"),
        ["Cache-Control"] = Text("Any answer: who may keep it"),
        ["Expires"] = Text("Any answer: the same for old caches"),
        ["Pragma"] = Text("Any answer: the same for older ones"),
        ["Vary"] = Text("Any answer: on which headers of the request it depends"),
        ["Strict-Transport-Security"] = Text("Any answer of a mesh on https (RFC 6797)"),
        ["X-Content-Type-Options"] = Text("Any answer: nosniff"),
        ["Content-Security-Policy"] = Text("An error that is a page"),
        ["Access-Control-Allow-Origin"] = Text("Any answer to an origin that Gateway:CorsOrigins lists"),
        ["Access-Control-Expose-Headers"] = Text("Any such answer"),
        ["Content-Encoding"] = Text("An event stream: identity"),
        ["Location"] = Text("A redirect to https"),
    };

    public static Dictionary<string, IOpenApiHeader> References(OpenApiDocument? document, params IEnumerable<string> names) =>
        names.ToDictionary(name => name, name => (IOpenApiHeader)new OpenApiHeaderReference(name, document));

    /// <summary>Says which successes set cookies.</summary>
    public static void Complete(string endpoint, OpenApiOperation operation, OpenApiDocument document)
    {
        if (CookieSetters.Contains(endpoint))
        {
            ((OpenApiResponse)operation.Responses!["200"]).Headers = References(document, SetCookie);
        }
    }

    private static OpenApiHeader Text(string description) =>
        new() { Description = description, Schema = new OpenApiSchema { Type = JsonSchemaType.String } };
}
