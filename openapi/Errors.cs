using System.Text.Json;
using System.Text.Json.Nodes;
using AuthMesh.Errors;
using Microsoft.OpenApi;

namespace AuthMesh.OpenApi;

/// <summary>The error answers of operations: their own, and those that operations share.</summary>
internal static class Errors
{
    /// <summary>Which errors an answer may be, for programs: a code, or a status and a code.</summary>
    private const string Codes = "x-error-codes";

    private const string Error = "Error", Problem = "Problem";

    private const string TooManyRequests = "TooManyRequests", Unavailable = "Unavailable", AnyOther = "AnyOther",
        BodyTooLarge = "BodyTooLarge", UnsupportedMediaType = "UnsupportedMediaType";

    private const string Redirect = "308";

    // What can happen to a request before a handler sees it.
    private static readonly (int Status, string Code)[] Others =
    [
        (400, "invalid_request"), (403, "cross_origin"), (403, "https_required"), (404, "not_found"), (408, "request_timeout"),
        (413, "body_too_large"), (421, "misdirected_request"), (500, "internal_error"),
    ];

    public static void Complete(OpenApiOperation operation, IEnumerable<Failure> failures, bool isProtocol, OpenApiDocument document)
    {
        var responses = operation.Responses ??= [];
        if (operation.RequestBody is not null)
        {
            failures = failures.Append(CommonFailures.FromStatus(400));
            responses["413"] = Shared(BodyTooLarge);
            responses["415"] = Shared(UnsupportedMediaType);
        }

        foreach (var response in responses.Where(response => response.Key[0] == '4').Select(response => response.Value)
            .OfType<OpenApiResponse>())
        {
            response.Content = Bodies([], isProtocol, document); // the framework knows the status alone
        }

        foreach (var sameStatus in failures.GroupBy(failure => failure.Status).OrderBy(group => group.Key))
        {
            responses[$"{sameStatus.Key}"] = Describe([.. sameStatus.DistinctBy(failure => failure.Code)], isProtocol, document);
        }

        responses["429"] = Shared(TooManyRequests);
        responses["503"] = Shared(Unavailable);
        responses["default"] = Shared(AnyOther);

        OpenApiResponseReference Shared(string name) => new(name, document);
    }

    /// <summary>Adds the schemas and the answers that operations share.</summary>
    public static void AddShared(OpenApiDocument document)
    {
        var components = document.Components!;
        AddSchemas(components.Schemas!);
        components.Responses = new Dictionary<string, IOpenApiResponse>
        {
            [BodyTooLarge] = Describe([CommonFailures.FromStatus(413)], false, document),
            [UnsupportedMediaType] = Describe([CommonFailures.FromStatus(415)], false, document),
            [TooManyRequests] = OfStatus(429, "Too much at once", document),
            [Unavailable] = OfStatus(503, "Not now", document),
            [AnyOther] = OfAnyRequest(document),
        };
    }

    private static OpenApiResponse Describe(IReadOnlyList<Failure> failures, bool isProtocol, OpenApiDocument document) => new()
    {
        Description = string.Join('\n', failures.Select(failure => $"- `{failure.Code}`: {failure.Message}")),
        Headers = failures.Any(failure => failure.Challenge is not null || failure.Code == "missing_token")
            ? Headers.References(document, Headers.Challenge) : null,
        Content = Bodies([.. failures.SelectMany(failure => failure.Members ?? [])], isProtocol, document),
        Extensions = CodesOf(failures.Select(failure => failure.Code)),
    };

    private static OpenApiResponse OfStatus(int status, string title, OpenApiDocument document) => new()
    {
        Description = $"{title}:\n\n" + string.Join('\n', ErrorsPage.Of(status).Select(row => $"- `{row.Code}`: {row.When}")),
        Headers = Headers.References(document, Headers.RetryAfter),
        Content = Bodies([], false, document),
        Extensions = CodesOf(ErrorsPage.Of(status).Select(row => row.Code).Distinct()),
    };

    private static OpenApiResponse OfAnyRequest(OpenApiDocument document) => new()
    {
        Description = $"What any request may get:\n\n- {Redirect}: The request came over plain http to a gateway that serves https.\n"
            + string.Join('\n', Others.Select(error => $"- {error.Status} `{error.Code}`: {ErrorsPage.WhenOf(error.Status, error.Code)}")),
        Content = Bodies([], false, document),
        Extensions = CodesOf([Redirect, .. Others.Select(error => $"{error.Status} {error.Code}")]),
    };

    private static Dictionary<string, IOpenApiExtension> CodesOf(IEnumerable<string> codes) => new()
    {
        [Codes] = new JsonNodeExtension(new JsonArray([.. codes.Select(code => JsonValue.Create(code))])),
    };

    // The mesh's own form, and a problem for who asks for one. OAuth endpoints have one form alone.
    private static Dictionary<string, OpenApiMediaType> Bodies(
        IReadOnlyList<KeyValuePair<string, JsonNode?>> members, bool isProtocol, OpenApiDocument document) => isProtocol
        ? new() { ["application/json"] = Body(Error, members, document) }
        : new()
        {
            ["application/json"] = Body(Error, members, document), ["application/problem+json"] = Body(Problem, members, document),
        };

    private static OpenApiMediaType Body(string schema, IReadOnlyList<KeyValuePair<string, JsonNode?>> members, OpenApiDocument document) =>
        new() { Schema = WithMembers(new OpenApiSchemaReference(schema, document), members) };

    private static IOpenApiSchema WithMembers(IOpenApiSchema error, IReadOnlyList<KeyValuePair<string, JsonNode?>> members) =>
        members is [] ? error : new OpenApiSchema
        {
            AllOf =
            [
                error,
                new OpenApiSchema
                {
                    Type = JsonSchemaType.Object,
                    Properties = members.ToDictionary(member => member.Key, member => (IOpenApiSchema)SchemaOf(member.Value!)),
                },
            ],
        };

    private static OpenApiSchema SchemaOf(JsonNode sample) => sample.GetValueKind() switch
    {
        JsonValueKind.Array => new OpenApiSchema { Type = JsonSchemaType.Array, Items = SchemaOf(sample.AsArray()[0]!) },
        JsonValueKind.Number => new OpenApiSchema { Type = JsonSchemaType.Integer },
        _ => new OpenApiSchema { Type = JsonSchemaType.String },
    };

    private static void AddSchemas(IDictionary<string, IOpenApiSchema> schemas)
    {
        var fields = new OpenApiSchema
        {
            Type = JsonSchemaType.Object, Description = "What is wrong with each field",
            AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.Array, Items = Text() },
        };
        schemas[Error] = new OpenApiSchema
        {
            Type = JsonSchemaType.Object, Description = "The one shape of errors",
            Properties = new Dictionary<string, IOpenApiSchema>
            {
                ["status"] = new OpenApiSchema { Type = JsonSchemaType.String, Const = "error" },
                ["message"] = Text("For people"),
                ["code"] = Text("For programs; it does not change"),
                ["traceId"] = Text("Names the request in logs and traces"),
                ["errors"] = fields,
                ["error"] = Text("OAuth endpoints alone: the word of the protocol (RFC 6749 §5.2)"),
                ["error_description"] = Text("OAuth endpoints alone: the message once more"),
            },
            Required = new HashSet<string> { "status", "message", "code", "traceId" },
        };
        schemas[Problem] = new OpenApiSchema
        {
            Type = JsonSchemaType.Object, Description = "The same as a problem, for callers who accept application/problem+json (RFC 9457)",
            Properties = new Dictionary<string, IOpenApiSchema>
            {
                ["type"] = Text(), ["title"] = Text(), ["detail"] = Text(),
                ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer }, ["code"] = Text(), ["traceId"] = Text(),
                ["errors"] = fields,
            },
            Required = new HashSet<string> { "type", "title", "status", "detail", "code", "traceId" },
        };
    }

    private static OpenApiSchema Text(string? description = null) => new() { Type = JsonSchemaType.String, Description = description };
}
