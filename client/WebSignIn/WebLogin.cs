using System.CommandLine;
using System.CommandLine.Parsing;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.WebSignIn;

/// <summary>
/// Signs in by a browser. There, passkeys and every other way into the account work, and nobody types a password into a terminal.
/// </summary>
internal static class WebLogin
{
    public const string DefaultClientId = "authmesh-cli";

    public static readonly IReadOnlyList<string> DefaultScopes = ["openid", "profile", "mesh", "offline_access", "account.read"];

    // Without these nobody would know who has signed in.
    private static readonly string[] NeededScopes = ["openid", "profile"];

    private static readonly Option<bool>
        Web = Flag("--web", "Sign in by a browser: of this desktop, or of another device by a code"),
        Device = Flag("--device", "The same, always by a code that you type into a browser"),
        NoBrowser = Flag("--no-browser", "With --web or --device: open no browser here");

    private static readonly Option<string> ClientId = new("--client-id")
    {
        Description = "With --web or --device: the application as which this client signs in",
        HelpName = "CLIENT-ID",
        DefaultValueFactory = _ => DefaultClientId,
    };

    private static readonly Option<string[]> Scopes = new("--scope")
    {
        Description = $"With --web or --device: what the client may do; repeat it for several [default: {string.Join(' ', DefaultScopes)}]",
        HelpName = "SCOPE",
    };

    public static void AddTo(Command command)
    {
        foreach (var option in (Option[])[Web, Device, NoBrowser, ClientId, Scopes])
        {
            command.Add(option);
        }
    }

    /// <summary>Whether the user wants a browser.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="others">What is only for a sign-in at the terminal.</param>
    public static bool IsWanted(ParseResult parsed, params Symbol[] others)
    {
        var isWanted = parsed.GetValue(Web) || parsed.GetValue(Device);
        return Array.Find(isWanted ? others : [NoBrowser, ClientId, Scopes], symbol => IsGiven(parsed, symbol)) is { Name: var name }
            ? throw CommandFailure.Usage(
                isWanted ? $"{name} is only for a sign-in at the terminal" : $"{name} needs --web or --device", "authmesh login --help")
            : isWanted;
    }

    public static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        invocation.WarnIfOthersCanListen();
        var call = new ProtocolCall(invocation, parsed.GetRequiredValue(ClientId));
        var scopes = string.Join(' ', parsed.GetValue(Scopes) is { Length: > 0 } chosen ? chosen.Union(NeededScopes) : DefaultScopes);
        var hasBrowser = DesktopBrowser.IsAtHand && !parsed.GetValue(NoBrowser);

        var signedIn = hasBrowser && !parsed.GetValue(Device)
            ? await LoopbackFlow.TryRunAsync(invocation, call, scopes, cancellation)
            : null;
        var (answer, sentAt) = signedIn ?? await DeviceFlow.RunAsync(invocation, call, scopes, hasBrowser, cancellation);

        var tokens = TokenAnswer.From(answer);
        var username = await call.FindUsernameAsync(tokens.AccessToken, cancellation);
        using (var held = await invocation.Sessions.HoldAsync(cancellation))
        {
            held.Remember(invocation.Server, tokens.ToSession(username, call.ClientId, sentAt));
        }

        if (invocation.Output.IsJson)
        {
            invocation.Output.Answer(answer);
        }
        else
        {
            invocation.Output.Line($"Welcome {username}!");
        }

        return ExitCode.Ok;
    }

    private static bool IsGiven(ParseResult parsed, Symbol symbol) => parsed.GetResult(symbol) switch
    {
        OptionResult option => !option.Implicit,
        ArgumentResult argument => argument.Tokens.Count > 0,
        _ => false,
    };

    private static Option<bool> Flag(string name, string description) =>
        new(name) { Description = description, Arity = ArgumentArity.Zero };
}
