using System.Globalization;
using AuthMesh.Access;
using AuthMesh.Identity.Applications;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.OpenId;

/// <summary>Where an authorization leads back, with or without an error.</summary>
/// <param name="IsFormPost">Whether a form carries the answer (OAuth 2.0 Form Post Response Mode).</param>
internal sealed record AuthorizationReturn(string RedirectUri, bool IsFormPost, string? State)
{
    public AuthorizationAnswer Error(string code, string description, string issuer) =>
        With(issuer, ("error", code), ("error_description", description));

    /// <summary>Adds <c>iss</c> to every answer, so that a client of several servers knows which one answered (RFC 9207).</summary>
    public AuthorizationAnswer With(string issuer, params (string Name, string Value)[] members) =>
        new(this, [.. members, .. State is null ? [] : ((string, string)[])[("state", State)], ("iss", issuer)]);
}

/// <summary>The answer to the application, which the browser carries.</summary>
internal sealed record AuthorizationAnswer(AuthorizationReturn Return, IReadOnlyList<(string Name, string Value)> Members)
{
    /// <summary>The redirect URI with the answer in its query. The URI's own query stays.</summary>
    public string Location => Return.RedirectUri + (Return.RedirectUri.Contains('?', StringComparison.Ordinal) ? '&' : '?')
        + string.Join('&', Members.Select(member => $"{member.Name}={Uri.EscapeDataString(member.Value)}"));
}

/// <summary>A well-formed authorization request (RFC 6749 §4.1.1, OpenID Connect Core 1.0 §3.1.2.1).</summary>
/// <param name="Audience">The resource for which the token is; null for the mesh.</param>
/// <param name="Prompt">Words of OpenID Connect.</param>
/// <param name="MaxAge">The greatest age of the sign-in, in seconds; null for any.</param>
/// <param name="WantsTwoFactors">Whether <c>acr_values</c> names two factors and nothing less.</param>
/// <param name="Hint">The token by which the application names the user; null without one.</param>
internal sealed record AuthorizationRequest(
    Client Client, AuthorizationReturn Return, string? Nonce, string Challenge, string[] Scopes, string? Audience, string[] Prompt,
    long? MaxAge, bool WantsTwoFactors, string? LoginHint, string? Hint)
{
    public bool Prompts(string word) => Prompt.Contains(word);

    /// <summary>Whether the user is asked each time: any program of the device can claim the address (RFC 8252 §8.6).</summary>
    public bool IsAlwaysAsked => Client.Kind == ApplicationKind.Native && !RedirectUri.IsClaimed(Return.RedirectUri);
}

/// <summary>Reads authorization requests.</summary>
internal sealed class ReadAuthorizationRequest(IOptions<AuthMeshOptions> mesh)
{
    private const int ChallengeBytes = 32; // SHA-256

    private static readonly string[] Prompts = ["none", "login", "consent", "select_account"];

    /// <summary>
    /// Finds where the request leads back. Without a registered address, nothing leads back: the answer would help a stranger (RFC 6749
    /// §4.1.2.1).
    /// </summary>
    public static AuthorizationReturn? FindReturn(Client client, ProtocolParameters parameters) =>
        parameters["redirect_uri"] is { } uri && client.MayUse(GrantType.AuthorizationCode)
        && RedirectUri.Matches(client.RedirectUris, uri, client.Kind)
            ? new(uri, parameters["response_mode"] == "form_post" && IsWeb(uri), parameters["state"])
            : null;

    /// <returns>The request, or the error for the application.</returns>
    public (AuthorizationRequest? Request, AuthorizationAnswer? Refusal) Run(
        Client client, AuthorizationReturn leadsBack, ProtocolParameters parameters)
    {
        if (parameters.Fault is { } fault)
        {
            return Refuse(fault.Code, fault.Message);
        }

        if (parameters["request"] is not null)
        {
            return Refuse("request_not_supported", "Request objects are not supported");
        }

        if (parameters["registration"] is not null)
        {
            return Refuse("registration_not_supported", "registration is not supported");
        }

        if (parameters["client_secret"] is not null)
        {
            return Refuse("invalid_request", "A secret must never pass through a browser: replace it now");
        }

        if (parameters["response_type"] != "code")
        {
            return parameters["response_type"] is null
                ? Refuse("invalid_request", "response_type is required")
                : Refuse("unsupported_response_type", "response_type must be code");
        }

        if (parameters["response_mode"] is not (null or "query") && !leadsBack.IsFormPost)
        {
            return Refuse("invalid_request", "response_mode must be query or, for a web address, form_post");
        }

        // S256 for everybody (RFC 9700 §2.1.1). The default of the method is plain.
        if (parameters["code_challenge"] is not { } challenge || parameters["code_challenge_method"] != "S256"
            || !Platform.CanonicalBase64Url.TryDecode(challenge, stackalloc byte[ChallengeBytes]))
        {
            return Refuse("invalid_request", "code_challenge of the code_challenge_method S256 is required: 43 characters of base64url");
        }

        if (client.ChooseScopes(parameters["scope"]) is not { } scopes)
        {
            return Refuse("invalid_scope", OAuthError.InvalidScope.Message);
        }

        var prompt = parameters["prompt"]?.Split(' ') ?? [];
        if (prompt.Except(Prompts).Any() || (prompt.Contains("none") && prompt.Length > 1))
        {
            return Refuse("invalid_request", $"prompt must be none alone, or some of {string.Join(' ', Prompts[1..])}");
        }

        var maxAge = parameters["max_age"];
        var seconds = 0L;
        if (maxAge is not null && !long.TryParse(maxAge, NumberStyles.None, CultureInfo.InvariantCulture, out seconds))
        {
            return Refuse("invalid_request", "max_age must be a whole number of seconds");
        }

        var resource = parameters["resource"];
        if (resource is not null && resource != mesh.Value.Audience && !client.MayReach(resource))
        {
            return Refuse("invalid_target", OAuthError.InvalidTarget.Message);
        }

        var assurances = parameters["acr_values"]?.Split(' ') ?? [];
        return (new AuthorizationRequest(
            client, leadsBack, parameters["nonce"], challenge, scopes, resource == mesh.Value.Audience ? null : resource, prompt,
            maxAge is null ? null : seconds, assurances.Contains(Assurance.TwoFactors) && !assurances.Contains(Assurance.OneFactor),
            parameters["login_hint"], parameters["id_token_hint"]), null);

        (AuthorizationRequest?, AuthorizationAnswer?) Refuse(string code, string description) =>
            (null, leadsBack.Error(code, description, mesh.Value.Issuer));
    }

    private static bool IsWeb(string uri) => uri.StartsWith("http", StringComparison.Ordinal); // others are no target of a form
}
