using System.Text.Json;
using AuthMesh.Tests.Conventions.Documentation;

namespace AuthMesh.Tests.OpenApi;

/// <summary>One operation of an OpenAPI document.</summary>
internal sealed class Operation
{
    private readonly JsonElement document, described;
    private readonly string[] segments;

    private Operation(JsonElement document, string method, string path, JsonElement described)
    {
        (this.document, this.described, Method, Path) = (document, described, method, path);
        segments = path.Split('/');
        Parameters = segments.Count(IsParameter);
        Responses = described.GetProperty("responses");
        QueryParameters = described.TryGetProperty("parameters", out var parameters)
            ? [.. parameters.EnumerateArray().Where(parameter => parameter.GetProperty("in").GetString() == "query")
                .Select(parameter => parameter.GetProperty("name").GetString()!)]
            : [];
        GeneralHeaders = document.GetProperty("components").GetProperty("headers").EnumerateObject().Select(header => header.Name)
            .Except(["Retry-After", "WWW-Authenticate", "Set-Cookie"]) // answers refer to these
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
    }

    public string Method { get; }

    public string Path { get; }

    public string Name => $"{Method} {Path}";

    /// <summary>The number of segments that are parameters.</summary>
    public int Parameters { get; }

    public JsonElement Responses { get; }

    /// <summary>The headers that any answer may have, because no answer names them.</summary>
    public IReadOnlySet<string> GeneralHeaders { get; }

    /// <summary>The names of everything that a test should see.</summary>
    public IEnumerable<string> Expected => ExpectedAnswers().Concat(ExpectedOfRequest());

    public static IEnumerable<Operation> ReadAll(string file)
    {
        var document = JsonElement.Parse(SourceTree.Read(file));
        return from path in document.GetProperty("paths").EnumerateObject()
               from operation in path.Value.EnumerateObject()
               select new Operation(document, operation.Name.ToUpperInvariant(), path.Name, operation.Value);
    }

    public bool Matches(string method, string[] path) =>
        path.Length == segments.Length && method == Method && !segments.Where(
            (segment, i) => segment != path[i] && !(IsParameter(segment) && path[i].Length > 0)).Any();

    /// <summary>The answer with this status, or the answer that describes all others.</summary>
    public JsonElement ResponseOf(int status) =>
        Resolve(Responses.TryGetProperty($"{status}", out var named) ? named : Responses.GetProperty("default"));

    /// <summary>The errors that an answer may be; null if it names none.</summary>
    public static IReadOnlyList<string>? CodesOf(JsonElement response) =>
        response.TryGetProperty("x-error-codes", out var codes) ? [.. codes.EnumerateArray().Select(code => code.GetString()!)] : null;

    public JsonElement? BodyOf(string mediaType) =>
        described.TryGetProperty("requestBody", out var body) && body.GetProperty("content").TryGetProperty(mediaType, out var content)
            ? content.GetProperty("schema") : null;

    public IReadOnlyList<string> QueryParameters { get; }

    /// <summary>What a reference points to, or the element itself.</summary>
    public JsonElement Resolve(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty("$ref", out var reference))
        {
            return element;
        }

        return Resolve(reference.GetString()![2..].Split('/').Aggregate(document, (at, name) => at.GetProperty(name)));
    }

    /// <summary>The place of a schema: the name of a shared one, or the place where it stands.</summary>
    public static string PlaceOf(JsonElement schema, string place) =>
        schema.TryGetProperty("$ref", out var reference) ? reference.GetString()!.Split('/')[^1] : place;

    private static bool IsParameter(string segment) => segment.StartsWith('{');

    private IEnumerable<string> ExpectedAnswers()
    {
        foreach (var response in Responses.EnumerateObject())
        {
            var resolved = Resolve(response.Value);
            // Shared answers are seen once for all operations, the others by each.
            var place = PlaceOf(response.Value, $"{Name} {response.Name}");
            foreach (var code in CodesOf(resolved) ?? [""])
            {
                yield return $"{place} {code}".Trim();
            }

            foreach (var header in Members(resolved, "headers"))
            {
                yield return $"{place} header {header.Name}";
            }

            foreach (var content in Members(resolved, "content").Where(content => content.Value.TryGetProperty("schema", out _)))
            {
                var schema = content.Value.GetProperty("schema");
                foreach (var member in MembersOf(schema, PlaceOf(schema, place)))
                {
                    yield return member;
                }
            }
        }
    }

    private IEnumerable<string> ExpectedOfRequest()
    {
        foreach (var content in described.TryGetProperty("requestBody", out var body) ? Members(body, "content") : [])
        {
            var schema = content.Value.GetProperty("schema");
            var place = PlaceOf(schema, $"{Name} request");
            foreach (var (member, required) in Resolve(schema) is var resolved ? Properties(resolved) : [])
            {
                yield return $"{place}.{member}";
                if (!required)
                {
                    yield return $"without {place}.{member}";
                }
            }
        }

        foreach (var parameter in QueryParameters)
        {
            yield return $"{Name} ?{parameter}";
        }
    }

    /// <summary>The members of a schema and of those within it, by place and name.</summary>
    private IEnumerable<string> MembersOf(JsonElement schema, string place)
    {
        var resolved = Resolve(schema);
        foreach (var part in Parts(resolved))
        {
            foreach (var member in MembersOf(part, PlaceOf(part, place)))
            {
                yield return member;
            }
        }

        if (resolved.TryGetProperty("items", out var items))
        {
            foreach (var member in MembersOf(items, PlaceOf(items, place)))
            {
                yield return member;
            }
        }

        foreach (var property in Members(resolved, "properties"))
        {
            yield return $"{place}.{property.Name}";
            foreach (var member in MembersOf(property.Value, PlaceOf(property.Value, $"{place}.{property.Name}")))
            {
                yield return member;
            }
        }
    }

    /// <summary>The schemas of which this one is made: all of them, or one.</summary>
    public static IEnumerable<JsonElement> Parts(JsonElement schema) =>
        new[] { "allOf", "oneOf", "anyOf" }.SelectMany(
            name => schema.TryGetProperty(name, out var parts) ? parts.EnumerateArray() : default(IEnumerable<JsonElement>) ?? []);

    public static IEnumerable<(string Name, bool IsRequired)> Properties(JsonElement schema)
    {
        var required = schema.TryGetProperty("required", out var names)
            ? names.EnumerateArray().Select(name => name.GetString()!).ToHashSet() : [];
        return Members(schema, "properties").Select(member => (member.Name, required.Contains(member.Name)));
    }

    public static IEnumerable<JsonProperty> Members(JsonElement element, string name) =>
        element.TryGetProperty(name, out var members) ? members.EnumerateObject() : [];
}
