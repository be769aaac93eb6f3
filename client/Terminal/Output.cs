using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Terminal;

/// <summary>An error of the client itself, without an error answer from the server.</summary>
internal sealed record ErrorDocument(string Status, string Message, string Code, string? Hint);

/// <summary>A success of the client itself.</summary>
internal sealed record DoneDocument(string Status, string Message);

/// <summary>
/// Writes text for a person, with errors on standard error. With --json it writes one document for a program, always on standard output.
/// </summary>
internal sealed class Output(bool isJson)
{
    private readonly TextWriter results = Console.Out;
    private readonly TextWriter asides = Console.Error;

    public bool IsJson { get; } = isJson;

    public void Line(string text, Func<string, string>? colour = null)
    {
        var safe = SafeText.Escape(text);
        results.WriteLine(colour is null ? safe : colour(safe));
    }

    /// <summary>Writes progress, which is not part of the result.</summary>
    public void Note(string text) => asides.WriteLine(SafeText.Escape(text));

    public void Warn(string text) => asides.WriteLine($"warning: {SafeText.Escape(text)}");

    /// <summary>Writes the server's answer: its message for a person, all of it for a program.</summary>
    public void Answer(Answer answer)
    {
        if (IsJson)
        {
            Document(answer.Body!.Value);
        }
        else
        {
            Line(answer.Fields.Message!);
        }
    }

    /// <summary>Reports a success without an answer from the server.</summary>
    public void Done(string message)
    {
        if (IsJson)
        {
            Document(new DoneDocument("success", message), ClientJson.Default.DoneDocument);
        }
        else
        {
            Line(message);
        }
    }

    public void Document<T>(T document, JsonTypeInfo<T> type) => Document(JsonSerializer.SerializeToElement(document, type));

    public void Fail(CommandFailure failure)
    {
        if (IsJson)
        {
            if (failure.Answer is { } answer)
            {
                Document(answer);
            }
            else
            {
                Document(new ErrorDocument("error", failure.Message, failure.Code, failure.Hint), ClientJson.Default.ErrorDocument);
            }

            return;
        }

        asides.WriteLine($"authmesh: {SafeText.Escape(failure.Message)}");
        foreach (var detail in failure.Details)
        {
            asides.WriteLine($"  {SafeText.Escape(detail)}");
        }

        if (failure.Hint is { } hint)
        {
            asides.WriteLine($"hint: {SafeText.Escape(hint)}");
        }
    }

    // The writer's default encoder escapes all but plain ASCII, so raw characters in the server's JSON cannot control a terminal.
    private void Document(JsonElement document)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            document.WriteTo(writer);
        }

        results.WriteLine(Encoding.UTF8.GetString(buffer.ToArray()));
    }
}
