using System.Text.Json;

namespace AuthMesh.Errors;

/// <summary>Says which member of a body is wrong and why. It uses our own texts, because the parser's texts name our classes.</summary>
internal static class JsonProblem
{
    public static Failure Describe(JsonException exception) =>
        IsNoJson(exception) ? CommonFailures.InvalidRequest("The request body is not valid JSON")
        : FindMember(exception) is var (member, problem)
            ? CommonFailures.InvalidRequest(new Dictionary<string, string[]> { [member] = [problem] })
        : CommonFailures.InvalidRequest("The request body must be a JSON object");

    /// <returns>The wrong member and what is wrong with it; null if the whole text is wrong.</returns>
    public static (string Member, string Problem)? FindMember(JsonException exception)
    {
        if (IsNoJson(exception) || exception.Path is null or "$")
        {
            return null;
        }

        // "$.name", or "$['a name']" if the name is not a plain word.
        var member = exception.Path.TrimStart('$').TrimStart('.').Replace("['", "", StringComparison.Ordinal)
            .Replace("']", "", StringComparison.Ordinal);

        // The parser has no error codes. A test pins these texts.
        var text = exception.Message switch
        {
            var message when message.StartsWith("must ", StringComparison.Ordinal) => message, // from our own converter
            var message when message.StartsWith("Duplicate property", StringComparison.Ordinal) => "must not be given twice",
            var message when message.Contains("could not be mapped", StringComparison.Ordinal) => "is not a known member",
            _ => "has the wrong type",
        };
        return (member, text);
    }

    private static bool IsNoJson(JsonException exception) => exception.InnerException is JsonException; // from the reader
}
