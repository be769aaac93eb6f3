using Microsoft.OpenApi;

namespace AuthMesh.OpenApi;

/// <summary>
/// The parameters that handlers read by themselves, because each may be given once and the framework would take two: forms of OAuth
/// endpoints, and query strings. Required ones end with an exclamation mark.
/// </summary>
internal static class Forms
{
    private static readonly (string Name, string Text)[] Client =
    [
        ("client_id", "The application, unless the header names it"), ("client_secret", "Its secret, unless the header has it"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer, with an assertion"),
        ("client_assertion", "A JWT that the application signed (RFC 7523 §2.2)"),
    ];

    private static readonly (string Name, string Text)
        Scope = ("scope", "Scopes with spaces between them; all of the application unless given"),
        Resource = ("resource", "The audience of the token (RFC 8707 §2)");

    private static readonly Dictionary<string, (string Name, string Text)[]> Bodies = new()
    {
        ["POST /token"] =
        [
            ("grant_type!", "authorization_code, refresh_token, client_credentials or urn:ietf:params:oauth:grant-type:device_code"),
            ("code", "The code of a sign-in"), ("redirect_uri", "The same as where the code was sent to"),
            ("code_verifier", "What code_challenge was made from (RFC 7636 §4.5)"), ("refresh_token", "The application's refresh token"),
            ("device_code", "The code of a device (RFC 8628 §3.4)"), Scope, Resource, .. Client,
        ],
        ["POST /par"] =
        [
            ("response_type!", "code"), ("redirect_uri!", "Where the sign-in leads back to"),
            ("code_challenge!", "RFC 7636 §4.3"), ("code_challenge_method!", "S256"), Scope, ("state", "Comes back unchanged"),
            ("nonce", "Comes back in the ID token"), ("response_mode", "query or form_post"),
            ("prompt", "none, login, consent or select_account"), ("max_age", "The greatest age of the sign-in, in seconds"),
            ("acr_values", "aal1 or aal2"), ("login_hint", "The name to suggest"), ("id_token_hint", "An ID token of who is expected"),
            Resource, .. Client,
        ],
        ["POST /device_authorization"] = [Scope, Resource, .. Client],
        ["POST /revoke"] = [("token!", "An access token or a refresh token"), ("token_type_hint", "Is ignored"), .. Client],
        ["POST /introspect"] = [("token!", "An access token or a refresh token"), ("token_type_hint", "Is ignored"), .. Client],
    };

    private static readonly Dictionary<string, (string Name, JsonSchemaType Type, string Text)[]> Queries = new()
    {
        ["GET /users"] =
        [
            ("after", JsonSchemaType.String, "The member next of the page before"),
            ("limit", JsonSchemaType.Integer, "The length of the page, 1 to 200; 50 unless given"),
            ("search", JsonSchemaType.String, "How the names begin"),
        ],
        ["DELETE /applications/{id}/secrets/{secretId}"] =
            [("leaked", JsonSchemaType.Boolean, "Whether the application's tokens end, too; false unless given")],
    };

    public static void Complete(string endpoint, OpenApiOperation operation)
    {
        if (Bodies.TryGetValue(endpoint, out var form))
        {
            operation.RequestBody = new OpenApiRequestBody
            {
                Required = true,
                Content = new Dictionary<string, OpenApiMediaType>
                {
                    ["application/x-www-form-urlencoded"] = new()
                    {
                        Schema = new OpenApiSchema
                        {
                            Type = JsonSchemaType.Object,
                            Properties = form.ToDictionary(
                                field => field.Name.TrimEnd('!'),
                                field => (IOpenApiSchema)new OpenApiSchema { Type = JsonSchemaType.String, Description = field.Text }),
                            Required = form.Where(field => field.Name.EndsWith('!')).Select(field => field.Name.TrimEnd('!')).ToHashSet(),
                        },
                    },
                },
            };
        }

        foreach (var (name, type, text) in Queries.GetValueOrDefault(endpoint) ?? [])
        {
            (operation.Parameters ??= []).Add(new OpenApiParameter
            {
                Name = name, In = ParameterLocation.Query, Description = text, Schema = new OpenApiSchema { Type = type },
            });
        }
    }
}
