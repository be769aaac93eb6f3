using System.Globalization;
using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Platform;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.OpenId;

/// <summary>Where an authorization leads back, with or without an error.</summary>
/// <param name="IsFormPost">Whether a form carries the answer (OAuth 2.0 Form Post Response Mode).</param>
internal sealed record AuthorizationReturn(string RedirectUri, bool IsFormPost, string? State)
{
    public AuthorizationAnswer Error(string code, string description, string issuer) =>
        With(issuer, ("error", code), ("error_description", description));

    public AuthorizationAnswer Error(Failure failure, string issuer) => Error(failure.Code, failure.Message, issuer);

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
    public (AuthorizationRequest? Request, Failure? Refusal) Run(
        Client client, AuthorizationReturn leadsBack, ProtocolParameters parameters)
    {
        var scopes = client.ChooseScopes(parameters["scope"]);
        if (FindFault(leadsBack, parameters) is { } fault)
        {
            return (null, fault);
        }

        if (scopes is null)
        {
            return (null, OAuthError.InvalidScope);
        }

        var resource = parameters["resource"];
        if (resource is not null && resource != mesh.Value.Audience && !client.MayReach(resource))
        {
            return (null, OAuthError.InvalidTarget);
        }

        var assurances = Words(parameters["acr_values"]);
        return (new AuthorizationRequest(
            client, leadsBack, parameters["nonce"], parameters["code_challenge"]!, scopes,
            resource == mesh.Value.Audience ? null : resource, Words(parameters["prompt"]), Seconds(parameters["max_age"]),
            assurances.Contains(Assurance.TwoFactors) && !assurances.Contains(Assurance.OneFactor), parameters["login_hint"],
            parameters["id_token_hint"]), null);
    }

    private static Failure? FindFault(AuthorizationReturn leadsBack, ProtocolParameters parameters)
    {
        if (parameters.Fault is { } fault)
        {
            return fault;
        }

        if (parameters["request"] is not null)
        {
            return OAuthError.RequestNotSupported;
        }

        if (parameters["registration"] is not null)
        {
            return OAuthError.RegistrationNotSupported;
        }

        if (Array.Exists(ClientCredential.Parameters, name => parameters[name] is not null))
        {
            return CommonFailures.InvalidRequest("A secret or an assertion must never pass through a browser. Replace it now");
        }

        if (parameters["response_type"] is not { } type)
        {
            return CommonFailures.InvalidRequest("response_type is required");
        }

        if (type != "code")
        {
            return OAuthError.UnsupportedResponseType;
        }

        if (parameters["response_mode"] is not (null or "query") && !leadsBack.IsFormPost)
        {
            return CommonFailures.InvalidRequest("response_mode must be query or, for a web address, form_post");
        }

        // S256 for everybody (RFC 9700 §2.1.1). The default of the method is plain.
        if (parameters["code_challenge"] is not { } challenge || parameters["code_challenge_method"] != "S256"
            || !CanonicalBase64Url.TryDecode(challenge, stackalloc byte[ChallengeBytes]))
        {
            return CommonFailures.InvalidRequest("code_challenge is required, by the method S256: 43 characters of base64url");
        }

        var prompt = Words(parameters["prompt"]);
        if (prompt.Except(Prompts).Any() || (prompt.Contains("none") && prompt.Length > 1))
        {
            return CommonFailures.InvalidRequest("prompt must be none alone, or some of login, consent and select_account");
        }

        return parameters["max_age"] is { } age && Seconds(age) is null
            ? CommonFailures.InvalidRequest("max_age must be a whole number of seconds")
            : null;
    }

    private static string[] Words(string? text) => text?.Split(' ') ?? [];

    private static long? Seconds(string? text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? seconds : null;

    private static bool IsWeb(string uri) => uri.StartsWith("http", StringComparison.Ordinal); // others are no target of a form
}
