using System.Text.Json;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.OpenApi;

/// <summary>Compares one answer with its operation.</summary>
/// <param name="operation">The operation.</param>
/// <param name="answer">The answer.</param>
/// <param name="see">Notes that something documented was seen.</param>
internal sealed class AnswerCheck(Operation operation, Answer answer, Action<string> see)
{
    // Of the transport, or of one connection.
    private static readonly HashSet<string> OfTransport = new(
        ["Date", "Content-Type", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Sec-WebSocket-Accept"],
        StringComparer.OrdinalIgnoreCase);

    private readonly List<string> faults = [];

    private readonly Lazy<JsonElement> json = new(() => answer.Json);

    public IReadOnlyList<string> Faults => faults;

    private JsonElement Json => json.Value;

    public void Run(bool hasBody)
    {
        var response = operation.ResponseOf(answer.Status);
        var isNamed = operation.Responses.TryGetProperty($"{answer.Status}", out var named);
        var place = isNamed ? Operation.PlaceOf(named, $"{operation.Name} {answer.Status}")
            : Operation.PlaceOf(operation.Responses.GetProperty("default"), "");
        CheckHeaders(response, place);
        var mediaType = answer.ContentHeaders.ContentType?.MediaType;
        if (answer.Status < 400)
        {
            if (!isNamed && Operation.CodesOf(response)?.Contains($"{answer.Status}") is not true)
            {
                faults.Add($"no status {answer.Status}");
                return;
            }

            see(isNamed ? place : $"{place} {answer.Status}");
            CheckBody(response, place, mediaType);
            return;
        }

        if (!hasBody || mediaType == "text/html") // the page of an error says the same
        {
            return;
        }

        // An error that only this operation has, or one that any request may get.
        var code = answer.Text.StartsWith('{') ? Json.GetProperty("code").GetString() : null;
        if (Operation.CodesOf(response) is not { } codes)
        {
            see(place);
            CheckBody(response, place, mediaType);
            return;
        }

        var others = operation.Responses.GetProperty("default");
        var placeOfOthers = Operation.PlaceOf(others, "");
        if (isNamed && code is not null && codes.Contains(code))
        {
            see($"{place} {code}");
            CheckBody(response, place, mediaType);
        }
        else if (Operation.CodesOf(operation.Resolve(others))!.Contains($"{answer.Status} {code}"))
        {
            see($"{placeOfOthers} {answer.Status} {code}");
            CheckBody(operation.Resolve(others), placeOfOthers, mediaType);
        }
        else
        {
            faults.Add($"no {answer.Status} {code}");
        }
    }

    public void RunOnRequest(string target, string? body, string? bodyType)
    {
        var query = target.Split('?', 2) is [_, var text] ? text.Split('&').Select(pair => pair.Split('=')[0]) : [];
        foreach (var parameter in query.Intersect(operation.QueryParameters)) // others are ignored
        {
            see($"{operation.Name} ?{parameter}");
        }

        var mediaType = bodyType?.Split(';')[0];
        if (body is null or "" || mediaType is null)
        {
            return;
        }

        if (operation.BodyOf(mediaType) is not { } schema)
        {
            return; // it is ignored
        }

        var isJson = mediaType == "application/json";
        HashSet<string> sent = isJson
            ? [.. JsonElement.Parse(body).EnumerateObject().Where(member => member.Value.ValueKind != JsonValueKind.Null)
                .Select(member => member.Name)]
            : [.. body.Split('&').Select(pair => pair.Split('=')).Where(pair => pair[^1].Length > 0).Select(pair => pair[0])];
        var place = Operation.PlaceOf(schema, $"{operation.Name} request");
        var documented = Operation.Properties(operation.Resolve(schema)).ToList();
        foreach (var (name, isRequired) in documented)
        {
            if (sent.Contains(name))
            {
                see($"{place}.{name}");
            }
            else if (isRequired)
            {
                faults.Add($"{name} is documented as required, and was left out");
            }
            else
            {
                see($"without {place}.{name}");
            }
        }

        foreach (var name in isJson ? sent.Except(documented.Select(member => member.Name)) : []) // forms may hold others (RFC 6749 §3.1)
        {
            faults.Add($"the member {name} of the request is not documented");
        }
    }

    private void CheckHeaders(JsonElement response, string place)
    {
        var documented = Operation.Members(response, "headers").Select(header => header.Name)
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, _) in answer.Headers.Concat(answer.ContentHeaders))
        {
            if (documented.Contains(name))
            {
                see($"{place} header {name}");
            }
            else if (!operation.GeneralHeaders.Contains(name) && !OfTransport.Contains(name))
            {
                faults.Add($"the header {name} of {answer.Status} is not documented");
            }
        }
    }

    private void CheckBody(JsonElement response, string place, string? mediaType)
    {
        if (answer.Text.Length == 0)
        {
            return;
        }

        if (mediaType is null || Operation.Members(response, "content").FirstOrDefault(content => content.Name == mediaType)
            is not { Value.ValueKind: JsonValueKind.Object } content)
        {
            faults.Add($"no body of the type {mediaType} for {answer.Status}");
            return;
        }

        if (mediaType.EndsWith("json", StringComparison.Ordinal))
        {
            var schema = content.Value.GetProperty("schema");
            CheckValue(schema, Operation.PlaceOf(schema, place), Json);
        }
    }

    private void CheckValue(JsonElement schema, string place, JsonElement value)
    {
        var resolved = operation.Resolve(schema);
        if (resolved.TryGetProperty("oneOf", out var choices))
        {
            // null, or one other schema
            if (value.ValueKind != JsonValueKind.Null)
            {
                var choice = choices.EnumerateArray().Single(one => one.TryGetProperty("$ref", out _));
                CheckValue(choice, Operation.PlaceOf(choice, place), value);
            }

            return;
        }

        if (resolved.TryGetProperty("type", out var type) && !TypesOf(type).Any(one => IsOf(one, value)))
        {
            faults.Add($"{place} is {value.ValueKind}, not {type}");
            return;
        }

        if (resolved.TryGetProperty("const", out var constant) && constant.GetString() != value.GetString())
        {
            faults.Add($"{place} is {value}, not {constant}");
        }

        if (value.ValueKind == JsonValueKind.Array && resolved.TryGetProperty("items", out var items))
        {
            foreach (var item in value.EnumerateArray())
            {
                CheckValue(items, Operation.PlaceOf(items, place), item);
            }
        }
        else if (value.ValueKind == JsonValueKind.Object)
        {
            CheckMembers(resolved, place, value);
        }
    }

    private void CheckMembers(JsonElement schema, string place, JsonElement value)
    {
        // The members of all parts are the members of the whole.
        var parts = Operation.Parts(schema).Select(part => (Place: Operation.PlaceOf(part, place), Schema: operation.Resolve(part)))
            .Prepend((Place: place, Schema: schema)).ToList();
        foreach (var (partPlace, part) in parts)
        {
            foreach (var (name, isRequired) in Operation.Properties(part))
            {
                if (value.TryGetProperty(name, out var member))
                {
                    see($"{partPlace}.{name}");
                    var described = part.GetProperty("properties").GetProperty(name);
                    CheckValue(described, Operation.PlaceOf(described, $"{partPlace}.{name}"), member);
                }
                else if (isRequired)
                {
                    faults.Add($"{partPlace}.{name} is missing");
                }
            }
        }

        var names = parts.SelectMany(part => Operation.Properties(part.Schema)).Select(member => member.Name).ToHashSet();
        var isOpen = parts.All(part => Operation.Properties(part.Schema).FirstOrDefault().Name is null);
        foreach (var member in isOpen ? [] : value.EnumerateObject().Where(member => !names.Contains(member.Name)))
        {
            faults.Add($"{place}.{member.Name} is not documented");
        }
    }

    private static IEnumerable<string> TypesOf(JsonElement type) =>
        type.ValueKind == JsonValueKind.Array ? type.EnumerateArray().Select(one => one.GetString()!) : [type.GetString()!];

    private static bool IsOf(string type, JsonElement value) => type switch
    {
        "string" => value.ValueKind == JsonValueKind.String,
        "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _),
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "array" => value.ValueKind == JsonValueKind.Array,
        "object" => value.ValueKind == JsonValueKind.Object,
        "null" => value.ValueKind == JsonValueKind.Null,
        _ => throw new NotSupportedException(type),
    };
}
