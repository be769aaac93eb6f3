using System.Text.Json;

namespace AuthMesh.Client.CommandLine;

// The house rule is failures as values. A console command knows one reaction to all of them, to end with a message and an
// exit code, so here an exception carries them past callers that could only pass them on. The tour, which goes on, reads answers.
internal sealed class CommandFailure(int exitCode, string code, string message, string? hint = null) : Exception(message)
{
    public int ExitCode { get; } = exitCode;

    public string Code { get; } = code;

    public string? Hint { get; } = hint;

    /// <summary>Lines below the message: what the server says about single fields, its trace id.</summary>
    public IReadOnlyList<string> Details { get; init; } = [];

    /// <summary>The server's own error, which a program gets unchanged; none where no answer came.</summary>
    public JsonElement? Answer { get; init; }

    public CommandFailure With(string detail) => new(ExitCode, Code, Message, Hint) { Details = [.. Details, detail], Answer = Answer };

    public static CommandFailure Usage(string message, string hint) => new(CommandLine.ExitCode.Usage, "usage", message, hint);

    public static CommandFailure Unexpected(string message, string hint) =>
        new(CommandLine.ExitCode.UnexpectedAnswer, "unexpected_answer", message, hint);
}
