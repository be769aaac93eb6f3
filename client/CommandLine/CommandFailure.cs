using System.Text.Json;

namespace AuthMesh.Client.CommandLine;

// The house rule is failures as values. A console command reacts to every failure in one way: it ends with a message and an exit code. So
// an exception carries the failure past callers that could only pass it on. The tour goes on after a failure, so it reads answers.
internal sealed class CommandFailure(int exitCode, string code, string message, string? hint = null) : Exception(message)
{
    public int ExitCode { get; } = exitCode;

    public string Code { get; } = code;

    public string? Hint { get; } = hint;

    /// <summary>Lines below the message: the server's problems with single fields, and its trace id.</summary>
    public IReadOnlyList<string> Details { get; init; } = [];

    /// <summary>The server's own error, which a program gets unchanged; null if no answer came.</summary>
    public JsonElement? Answer { get; init; }

    public CommandFailure With(string detail) => new(ExitCode, Code, Message, Hint) { Details = [.. Details, detail], Answer = Answer };

    public static CommandFailure Usage(string message, string hint) => new(CommandLine.ExitCode.Usage, "usage", message, hint);

    public static CommandFailure Unexpected(string message, string hint) =>
        new(CommandLine.ExitCode.UnexpectedAnswer, "unexpected_answer", message, hint);
}
