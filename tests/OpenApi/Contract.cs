using System.Collections.Concurrent;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.OpenApi;

/// <summary>
/// Compares what real meshes answer with what the OpenAPI documents say. Every test that calls a mesh through <see cref="Caller"/> takes
/// part: an answer that is not documented fails that test. What was seen is remembered for <see cref="EverythingWasSeenTests"/>.
/// </summary>
internal static class Contract
{
    private static readonly Lazy<IReadOnlyList<Operation>> All = new(() =>
    [
        .. Operation.ReadAll("identity-service/openapi.json"), .. Operation.ReadAll("resource-service/openapi.json"),
    ]);

    // Each documented answer, header and member has a name.
    private static readonly ConcurrentDictionary<string, byte> Seen = new();

    public static IReadOnlyList<Operation> Operations => All.Value;

    /// <summary>What is documented and was not seen.</summary>
    public static IReadOnlyList<string> Missing => [.. Operations.SelectMany(operation => operation.Expected).Distinct()
        .Where(name => !Seen.ContainsKey(name)).Order(StringComparer.Ordinal)];

    /// <summary>Fails the test if the answer is not documented.</summary>
    /// <param name="method">The method of the request.</param>
    /// <param name="target">Its path and query.</param>
    /// <param name="body">Its body, if it is text.</param>
    /// <param name="bodyType">The media type of the body.</param>
    /// <param name="answer">The answer.</param>
    public static void Check(string method, string target, string? body, string? bodyType, Answer answer)
    {
        if (Find(method, target.Split('?')[0]) is not { } operation)
        {
            return; // a page, a path of the tests, or none
        }

        var check = new AnswerCheck(operation, answer, name => Seen.TryAdd(name, 0));
        check.Run(hasBody: method != "HEAD");
        if (answer.Status is >= 200 and < 300)
        {
            check.RunOnRequest(target, body, bodyType);
        }

        Assert.True(
            check.Faults.Count == 0,
            $"{method} {target} answered what the OpenAPI document does not say: {string.Join("; ", check.Faults)}\n{answer}");
    }

    /// <summary>The same for a refusal that the gateway makes on every route alike, which a test got on a route of its own.</summary>
    public static void CheckRefusal(Answer answer) => Check("GET", "/protected", null, null, answer);

    private static Operation? Find(string method, string path)
    {
        var segments = path.Split('/');
        return Operations.Where(operation => operation.Matches(method == "HEAD" ? "GET" : method, segments))
            .MinBy(operation => operation.Parameters);
    }
}
