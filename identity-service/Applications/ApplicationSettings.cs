using System.Text.Json.Serialization;
using AuthMesh.Access;
using AuthMesh.Identity.Sessions;
using Npgsql;

namespace AuthMesh.Identity.Applications;

/// <summary>What admins decide about an application. A request leaves out what it does not set.</summary>
/// <param name="Name">How people call it; the client id unless given.</param>
/// <param name="FirstParty">Whether it is the team's own: only then may it have the scope <c>mesh</c>. False unless given.</param>
/// <param name="Grants">How it gets tokens: values of <see cref="GrantType"/>. Unless given, those of its kind but the device's.</param>
/// <param name="Scopes">What it may do.</param>
/// <param name="RedirectUris">Where a sign-in may lead back to.</param>
/// <param name="PostLogoutRedirectUris">Where a sign-out may lead back to.</param>
/// <param name="BackchannelLogoutUri">Where it is told of the end of a session. The empty text removes it.</param>
/// <param name="Audiences">For which audiences it may ask, beside the mesh itself.</param>
/// <param name="RequireConsent">Whether users are asked before it acts for them. True unless given.</param>
/// <param name="RequirePushedRequests">Whether it must push its authorization requests (RFC 9126). False unless given.</param>
/// <param name="Jwks">The keys by which it authenticates (RFC 7523 §2.2). A set without keys removes them.</param>
public record ApplicationSettingsRequest(
    string? Name = null,
    [property: JsonPropertyName("first_party")] bool? FirstParty = null,
    IReadOnlyList<string>? Grants = null,
    IReadOnlyList<string>? Scopes = null,
    [property: JsonPropertyName("redirect_uris")] IReadOnlyList<string>? RedirectUris = null,
    [property: JsonPropertyName("post_logout_redirect_uris")] IReadOnlyList<string>? PostLogoutRedirectUris = null,
    [property: JsonPropertyName("backchannel_logout_uri")] string? BackchannelLogoutUri = null,
    IReadOnlyList<string>? Audiences = null,
    [property: JsonPropertyName("require_consent")] bool? RequireConsent = null,
    [property: JsonPropertyName("require_pushed_requests")] bool? RequirePushedRequests = null,
    ClientKeySet? Jwks = null);

/// <summary>The complete settings of one application, stored or about to be.</summary>
internal sealed record ApplicationSettings(
    string Kind, string Name, bool IsFirstParty, string[] Grants, string[] Scopes, string[] RedirectUris, string[] PostLogoutRedirectUris,
    string? BackchannelLogoutUri, string[] Audiences, bool RequireConsent, bool RequirePushedRequests, ClientKeySet? Keys)
{
    /// <summary>For an INSERT or UPDATE with these parameters.</summary>
    public NpgsqlParameter[] Parameters =>
    [
        new("kind", Kind), new("name", Name), new("is_first_party", IsFirstParty), new("grants", Grants), new("scopes", Scopes),
        new("redirect_uris", RedirectUris), new("post_logout_redirect_uris", PostLogoutRedirectUris),
        new("backchannel_logout_uri", NpgsqlTypes.NpgsqlDbType.Text) { Value = (object?)BackchannelLogoutUri ?? DBNull.Value },
        new("audiences", Audiences), new("require_consent", RequireConsent), new("require_pushed_requests", RequirePushedRequests),
        ClientKeySet.ParameterOf(Keys),
    ];

    /// <summary>The settings of a new application.</summary>
    public static ApplicationSettings New(string kind, string clientId, ApplicationSettingsRequest request) =>
        new ApplicationSettings(
            kind, clientId, false, [.. GrantsOf(kind).Where(grant => grant != GrantType.DeviceCode)], [], [], [], null, [], true, false,
            null)
        .With(request);

    /// <summary>These settings with what a request changes.</summary>
    public ApplicationSettings With(ApplicationSettingsRequest request) => new(
        Kind, (request.Name ?? Name).Trim(), request.FirstParty ?? IsFirstParty, request.Grants?.ToArray() ?? Grants,
        request.Scopes?.ToArray() ?? Scopes, request.RedirectUris?.ToArray() ?? RedirectUris,
        request.PostLogoutRedirectUris?.ToArray() ?? PostLogoutRedirectUris,
        request.BackchannelLogoutUri switch { null => BackchannelLogoutUri, "" => null, var uri => uri },
        request.Audiences?.ToArray() ?? Audiences, request.RequireConsent ?? RequireConsent,
        request.RequirePushedRequests ?? RequirePushedRequests,
        request.Jwks switch { null => Keys, { Keys: [] } => null, var keys => keys });

    /// <summary>The names of the settings that differ, for the log.</summary>
    public IEnumerable<string> FindDifferences(ApplicationSettings other)
    {
        (string Name, bool Differs)[] settings =
        [
            ("name", Name != other.Name), ("first_party", IsFirstParty != other.IsFirstParty), ("grants", Differ(Grants, other.Grants)),
            ("scopes", Differ(Scopes, other.Scopes)), ("redirect_uris", Differ(RedirectUris, other.RedirectUris)),
            ("post_logout_redirect_uris", Differ(PostLogoutRedirectUris, other.PostLogoutRedirectUris)),
            ("backchannel_logout_uri", BackchannelLogoutUri != other.BackchannelLogoutUri),
            ("audiences", Differ(Audiences, other.Audiences)), ("require_consent", RequireConsent != other.RequireConsent),
            ("require_pushed_requests", RequirePushedRequests != other.RequirePushedRequests),
            ("jwks", Keys?.ToText() != other.Keys?.ToText()),
        ];
        return settings.Where(setting => setting.Differs).Select(setting => setting.Name);
    }

    /// <summary>
    /// Whether tokens are out that these settings would not give. A service gets others at once, so any other scopes count.
    /// </summary>
    public bool TakesAwayFrom(ApplicationSettings old) =>
        (Kind == ApplicationKind.Service ? Differ(Scopes, old.Scopes) : old.Scopes.Except(Scopes).Any() || old.Grants.Except(Grants).Any())
        || old.Audiences.Except(Audiences).Any();

    /// <returns>What is wrong with the settings, by the names on the wire.</returns>
    public Dictionary<string, string[]> FindFaults(bool isDevelopment, LogoutNetworks networks)
    {
        var faults = new Dictionary<string, string[]>();
        NameAndScopes.CheckName(Name, faults);
        if (Kind == ApplicationKind.Service)
        {
            NameAndScopes.CheckScopes(Scopes, ScopeDemand.IsNameable, ScopeDemand.Rule, faults);
        }
        else if (!IsFirstParty && Scopes.Contains(Access.Scopes.Mesh))
        {
            faults["scopes"] = [$"must not hold {Access.Scopes.Mesh}, unless first_party is true: it acts as the user everywhere"];
        }
        else
        {
            NameAndScopes.CheckScopes(Scopes, Access.Scopes.IsScope, Access.Scopes.Rule, faults);
        }

        CheckGrants(faults);
        CheckUris("redirect_uris", RedirectUris, isDevelopment, faults);
        CheckUris("post_logout_redirect_uris", PostLogoutRedirectUris, isDevelopment, faults);
        CheckRest(networks, faults);
        CheckKeys(faults);
        return faults;
    }

    private static bool Differ(string[] one, string[] other) => !one.SequenceEqual(other, StringComparer.Ordinal);

    private static string[] GrantsOf(string kind) => kind switch
    {
        ApplicationKind.Service => [GrantType.ClientCredentials],
        ApplicationKind.Spa => [GrantType.AuthorizationCode, GrantType.RefreshToken],
        _ => [GrantType.AuthorizationCode, GrantType.RefreshToken, GrantType.DeviceCode],
    };

    private void CheckGrants(Dictionary<string, string[]> faults)
    {
        var possible = GrantsOf(Kind);
        if (Grants.Length == 0 || Grants.Except(possible).Any() || Grants.Distinct().Count() != Grants.Length)
        {
            faults["grants"] = [$"must be one or more of {string.Join(", ", possible)}, each once"];
        }
    }

    private void CheckUris(string name, string[] uris, bool isDevelopment, Dictionary<string, string[]> faults)
    {
        if (Kind == ApplicationKind.Service)
        {
            if (uris.Length > 0)
            {
                faults[name] = ["must be empty: a service signs nobody in"];
            }
        }
        else if (uris.Length > RedirectUri.Most || uris.Distinct(StringComparer.Ordinal).Count() != uris.Length)
        {
            faults[name] = [$"must be at most {RedirectUri.Most} different addresses"];
        }
        else if (uris.Select(uri => RedirectUri.FindFault(uri, Kind, isDevelopment)).FirstOrDefault(each => each is not null) is { } fault)
        {
            faults[name] = ["each " + fault];
        }
        else if (uris.Length == 0 && name == "redirect_uris" && Grants.Contains(GrantType.AuthorizationCode))
        {
            faults[name] = [$"is required with the grant {GrantType.AuthorizationCode}"];
        }
    }

    private void CheckRest(LogoutNetworks networks, Dictionary<string, string[]> faults)
    {
        if (BackchannelLogoutUri is { } uri)
        {
            if (Kind != ApplicationKind.Web)
            {
                faults["backchannel_logout_uri"] =
                    [$"must be left out, unless the kind is {ApplicationKind.Web}: other kinds have no server to tell"];
            }
            else if (LogoutUri.FindFault(uri, networks) is { } fault)
            {
                faults["backchannel_logout_uri"] = [fault];
            }
        }

        if (Audiences.Length > RedirectUri.Most || Audiences.Distinct(StringComparer.Ordinal).Count() != Audiences.Length
            || !Audiences.All(IsAudience))
        {
            faults["audiences"] =
            [
                $"must be at most {RedirectUri.Most} different absolute URIs without fragment, of at most {SessionMapping.LongestAudience} "
                + "characters each",
            ];
        }

        if (!RequireConsent && !IsFirstParty && Kind != ApplicationKind.Service)
        {
            faults["require_consent"] = ["must be true, unless first_party is true"];
        }
    }

    private void CheckKeys(Dictionary<string, string[]> faults)
    {
        if (Keys is not null && !ApplicationKind.IsConfidential(Kind))
        {
            faults["jwks"] = ["must be absent: an application in a browser or on a device keeps no key"];
        }
        else if (Keys?.FindFault() is { } fault)
        {
            faults["jwks"] = [fault];
        }
    }

    // RFC 8707 §2
    private static bool IsAudience(string? text) =>
        text is { Length: > 0 and <= SessionMapping.LongestAudience }
        && text.All(c => c is > ' ' and < (char)127 and not ('#' or '"' or '\\'))
        && Uri.TryCreate(text, UriKind.Absolute, out _);
}
