namespace AuthMesh.Client.CommandLine;

/// <summary>The exit codes that scripts rely on. A number never changes its meaning.</summary>
internal static class ExitCode
{
    public const int Ok = 0;
    public const int Refused = 1;
    public const int Usage = 2;
    public const int Unavailable = 3;
    public const int NotSignedIn = 4;
    public const int UnexpectedAnswer = 5;
    public const int Cancelled = 130; // 128 + SIGINT, as shells count

    public static readonly IReadOnlyList<(int Code, string Meaning)> Meanings =
    [
        (Ok, "done"),
        (Refused, "the server refused: name taken, wrong input, role missing (400, 403, 409, ...)"),
        (Usage, "wrong use, or a local file that cannot be used"),
        (Unavailable, "the server cannot be reached or asks to come back later (429, 502, 503, 504)"),
        (NotSignedIn, "not signed in, token expired, or wrong name or password (401)"),
        (UnexpectedAnswer, "an answer that AuthMesh does not give, or a step of the tour that was not as expected"),
        (Cancelled, "stopped by Ctrl-C"),
    ];
}
