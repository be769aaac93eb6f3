namespace AuthMesh.Client.Terminal;

/// <summary>Colours text only on a terminal that wants it (no-color.org). No meaning depends on a colour.</summary>
internal static class Colour
{
    private static readonly bool IsOn = !Console.IsOutputRedirected
        && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && Environment.GetEnvironmentVariable("TERM") != "dumb";

    public static string Bold(string text) => Paint(text, "1");

    public static string Dim(string text) => Paint(text, "2");

    public static string Red(string text) => Paint(text, "31");

    public static string Green(string text) => Paint(text, "32");

    private static string Paint(string text, string code) => IsOn ? $"\e[{code}m{text}\e[0m" : text;
}
