using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Tour;

internal sealed record StepDocument(
    int Number,
    string Title,
    string Request,
    int? HttpStatus,
    string Message,
    string? Code,
    string? Role,
    string Expected,
    bool AsExpected);

internal sealed record TourDocument(string Status, string Server, int StepsAsExpected, IReadOnlyList<StepDocument> Steps);

/// <summary>Prints each step for a person as it is taken, or all steps for a program at the end.</summary>
internal sealed class Report(Output output, ServerAddress server)
{
    private readonly List<StepResult> results = [];

    private int AsExpected => results.Count(result => result.IsAsExpected);

    public void Open()
    {
        if (!output.IsJson)
        {
            output.Line($"A tour of AuthMesh at {server}", Colour.Bold);
        }
    }

    public void Add(StepResult result)
    {
        results.Add(result);
        if (output.IsJson)
        {
            return;
        }

        var status = result.HttpStatus is { } number ? $"{number}" : "---";
        var code = result.Code is null ? "" : $" ({result.Code})";
        var role = result.Role is null ? "" : $" (role {result.Role})";
        output.Line("");
        output.Line($"{results.Count,2}. {result.Step.Title}", Colour.Bold);
        output.Line($"    {result.Step.Request}", Colour.Dim);
        output.Line($"    {status} {result.Message}{code}{role}", result.IsAsExpected ? Colour.Green : Colour.Red);
        if (!result.IsAsExpected)
        {
            output.Line($"    NOT AS EXPECTED, should be: {result.Step.Expected}", Colour.Red);
        }
    }

    public int Close()
    {
        var isAllAsExpected = AsExpected == results.Count;
        if (output.IsJson)
        {
            var document = new TourDocument(
                isAllAsExpected ? "success" : "error", server.ToString(), AsExpected, results.Select(ToDocument).ToList());
            output.Document(document, ClientJson.Default.TourDocument);
        }
        else
        {
            output.Line("");
            output.Line($"{AsExpected} of {results.Count} steps as expected", isAllAsExpected ? Colour.Green : Colour.Red);
        }

        return isAllAsExpected ? ExitCode.Ok : ExitCode.UnexpectedAnswer;
    }

    private static StepDocument ToDocument(StepResult result, int index) => new(
        index + 1, result.Step.Title, result.Step.Request.ToString(), result.HttpStatus, result.Message, result.Code,
        result.Role, result.Step.Expected.ToString(), result.IsAsExpected);
}
