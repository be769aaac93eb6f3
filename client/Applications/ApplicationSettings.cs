using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json;
using AuthMesh.Client.CommandLine;

namespace AuthMesh.Client.Applications;

/// <summary>The settings of an application that a command gives. What it leaves out stays, or is the server's default.</summary>
internal sealed record ApplicationSettings(
    string? ClientId = null, string? Kind = null, string? Name = null, bool? FirstParty = null, IReadOnlyList<string>? Grants = null,
    IReadOnlyList<string>? Scopes = null, IReadOnlyList<string>? RedirectUris = null, IReadOnlyList<string>? PostLogoutRedirectUris = null,
    string? BackchannelLogoutUri = null, IReadOnlyList<string>? Audiences = null, bool? RequireConsent = null,
    bool? RequirePushedRequests = null, JsonElement? Jwks = null, bool? Disabled = null);

/// <summary>The options of the commands that create and change an application.</summary>
internal static class SettingOptions
{
    public static readonly Option<string?> Kind = One("--kind", "KIND", "spa, native, web or service [default: service]");

    private const string DeviceCode = "device_code"; // the word for a grant whose name is a long address

    private static readonly Option<string?>
        Name = One("--name", "NAME", "How people call it [default: the client_id]"),
        BackchannelLogoutUri = One("--backchannel-logout-uri", "URI", "Where a web application is told of the end of a session"),
        Jwks = One("--jwks", "FILE", "A JSON Web Key Set with the public keys by which it authenticates");

    private static readonly Option<string[]>
        Scopes = Many("--scope", "SCOPE", "What the application may do"),
        RedirectUris = Many("--redirect-uri", "URI", "Where a sign-in may lead back to"),
        PostLogoutRedirectUris = Many("--post-logout-redirect-uri", "URI", "Where a sign-out may lead back to"),
        Grants = Many(
            "--grant", "GRANT",
            $"How it gets tokens: authorization_code, refresh_token, client_credentials, {DeviceCode} [default: those of the kind, without "
                + $"{DeviceCode}]"),
        Audiences = Many("--audience", "URI", "For which audience it may ask, beside the mesh itself");

    private static readonly Option<bool>
        FirstParty = Flag("--first-party", "It is your own: it may have the scope mesh"),
        NoConsent = Flag("--no-consent", "Users are not asked before it acts for them; only with --first-party"),
        PushedRequests = Flag("--require-pushed-requests", "It must push its authorization requests");

    private static readonly Option<string[]> Clear = new("--clear")
    {
        Description = "Take back what this option of the command set, such as redirect-uri or first-party; repeat it for several",
        HelpName = "OPTION",
    };

    // What --clear sends for each option.
    private static readonly (string Option, Func<ApplicationSettings, ApplicationSettings> Clear)[] Cleared =
    [
        ("redirect-uri", settings => settings with { RedirectUris = [] }),
        ("post-logout-redirect-uri", settings => settings with { PostLogoutRedirectUris = [] }),
        ("backchannel-logout-uri", settings => settings with { BackchannelLogoutUri = "" }),
        ("audience", settings => settings with { Audiences = [] }),
        ("jwks", settings => settings with { Jwks = JsonElement.Parse("""{"keys":[]}""") }),
        ("first-party", settings => settings with { FirstParty = false }),
        ("no-consent", settings => settings with { RequireConsent = true }),
        ("require-pushed-requests", settings => settings with { RequirePushedRequests = false }),
    ];

    private static readonly Option[] Common =
    [
        Name, Scopes, RedirectUris, PostLogoutRedirectUris, Grants, FirstParty, NoConsent, PushedRequests, BackchannelLogoutUri, Audiences,
        Jwks,
    ];

    public static void AddToCreate(Command command) => AddAll(command, [Kind, .. Common]);

    public static void AddToChange(Command command) => AddAll(command, [.. Common, Clear]);

    public static ApplicationSettings Read(ParseResult parsed)
    {
        return new ApplicationSettings(
            Name: parsed.GetValue(Name), FirstParty: parsed.GetValue(FirstParty) ? true : null,
            Grants: Several(Grants)?.Select(Full).ToArray(), Scopes: Several(Scopes), RedirectUris: Several(RedirectUris),
            PostLogoutRedirectUris: Several(PostLogoutRedirectUris),
            BackchannelLogoutUri: parsed.GetValue(BackchannelLogoutUri), Audiences: Several(Audiences),
            RequireConsent: parsed.GetValue(NoConsent) ? false : null, RequirePushedRequests: parsed.GetValue(PushedRequests) ? true : null,
            Jwks: parsed.GetValue(Jwks) is { } path ? ReadKeys(path) : null);

        string[]? Several(Option<string[]> option) => parsed.GetValue(option) is { Length: > 0 } values ? values : null;
    }

    /// <summary>The settings of a change, with those that <c>--clear</c> names.</summary>
    public static ApplicationSettings ReadChange(ParseResult parsed)
    {
        var settings = Read(parsed);
        foreach (var option in parsed.GetValue(Clear) ?? [])
        {
            var (name, clear) = Array.Find(Cleared, each => each.Option == option);
            settings = name is null
                ? throw CommandFailure.Usage(
                    $"{option} cannot be cleared", $"--clear takes one of {string.Join(", ", Cleared.Select(each => each.Option))}")
                : parsed.GetResult("--" + name) is OptionResult { Implicit: false }
                    ? throw CommandFailure.Usage($"--{name} and --clear {name} contradict each other", "give one of them")
                    : clear(settings);
        }

        return settings != new ApplicationSettings()
            ? settings
            : throw CommandFailure.Usage("Nothing to change", "authmesh applications change --help shows the settings");
    }

    private static void AddAll(Command command, IEnumerable<Option> options)
    {
        foreach (var option in options)
        {
            command.Add(option);
        }
    }

    private static Option<string?> One(string name, string helpName, string description) =>
        new(name) { Description = description, HelpName = helpName };

    private static Option<string[]> Many(string name, string helpName, string description) =>
        new(name) { Description = description + "; repeat it for several", HelpName = helpName };

    private static Option<bool> Flag(string name, string description) =>
        new(name) { Description = description, Arity = ArgumentArity.Zero };

    private static string Full(string grant) => grant == DeviceCode ? "urn:ietf:params:oauth:grant-type:device_code" : grant;

    private static JsonElement ReadKeys(string path)
    {
        const string Hint = "--jwks takes a file with {\"keys\":[…]}, as your key generator writes it";
        try
        {
            return JsonElement.Parse(File.ReadAllBytes(path));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.Usage($"{path} cannot be read: {exception.Message}", Hint);
        }
        catch (JsonException)
        {
            throw CommandFailure.Usage($"{path} is not JSON", Hint);
        }
    }
}
