using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.SecondFactor;

/// <summary>Reads a code of an authenticator app, or a recovery code in its place. Their forms differ, so nobody says which.</summary>
internal static class CodeInput
{
    private const int Digits = 6;

    public static Option<string?> Option(string description) => new("--code") { Description = description, HelpName = "CODE" };

    public static Task<string> AskAsync(CancellationToken cancellation) =>
        Prompt.AskAsync("Code of your authenticator app, or a recovery code: ", cancellation);

    /// <summary>Whether it is a code of an app. Apps show it in groups.</summary>
    public static bool IsTotp(string code)
    {
        var text = code.Replace(" ", "", StringComparison.Ordinal);
        return text.Length == Digits && text.All(char.IsAsciiDigit);
    }
}
