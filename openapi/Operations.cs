using AuthMesh.Errors;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace AuthMesh.OpenApi;

/// <summary>Says of each operation what it does, who may call it, and every error that it answers with.</summary>
internal static class Operations
{
    // Open to everybody, and a caller who is signed in gets more.
    private static readonly HashSet<string> ForSignedInToo = ["POST /logout", "POST /email/verify", "POST /email/verify/show"];

    public static async Task Complete(
        OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var endpoint = $"{context.Description.HttpMethod} /{context.Description.RelativePath!.TrimEnd('/')}";
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        var described = ApiPage.Find(endpoint);
        operation.Summary = described.Summary;
        operation.Description = described.Text;
        operation.Tags = new HashSet<OpenApiTagReference> { new(described.Group, context.Document) };
        operation.OperationId = IdOf(endpoint);
        Forms.Complete(endpoint, operation);
        if (endpoint == "POST /logout")
        {
            // It binds its body itself: the framework would refuse a request without a body that has another content type.
            var schema = await context.GetOrCreateSchemaAsync(typeof(LogoutRequest), cancellationToken: cancellationToken);
            context.Document!.AddComponent(nameof(LogoutRequest), schema);
            operation.RequestBody = new OpenApiRequestBody
            {
                Content = new Dictionary<string, OpenApiMediaType>
                {
                    ["application/json"] = new() { Schema = new OpenApiSchemaReference(nameof(LogoutRequest), context.Document) },
                },
            };
        }

        Headers.Complete(endpoint, operation, context.Document!);
        if (operation.Responses!.TryGetValue("200", out var stream) && stream.Content!.TryGetValue("text/event-stream", out var events))
        {
            events.Schema = new OpenApiSchema { Type = JsonSchemaType.String };
        }

        var protocol = metadata.OfType<ErrorProtocol>().Any();
        var demands = Demands.Of(metadata);
        var failures = demands.Failures.Concat(metadata.OfType<ProducedFailures>().SelectMany(known => known.Failures)).ToList();
        // An OAuth endpoint that misses a token is called by its holder, the others by an application.
        var caller = protocol && failures.Any(failure => failure.Code == "missing_token") ? CallerKind.Application : demands.Caller;
        operation.Security = Security(endpoint, caller, protocol, context.Document!);
        Errors.Complete(operation, failures, protocol, context.Document!);
    }

    // "GET /account/keys/{id}" becomes "getAccountKeysId".
    private static string IdOf(string endpoint)
    {
        var words = endpoint.Split([' ', '/', '-', '_', '.', '{', '}', '*'], StringSplitOptions.RemoveEmptyEntries);
        return words[0].ToLowerInvariant() + string.Concat(words.Skip(1).Select(word => char.ToUpperInvariant(word[0]) + word[1..]));
    }

    private static List<OpenApiSecurityRequirement> Security(string endpoint, CallerKind caller, bool protocol, OpenApiDocument document)
    {
        return caller switch
        {
            CallerKind.Anybody when protocol => [Requirement(Document.Application), []],
            CallerKind.Anybody when ForSignedInToo.Contains(endpoint) => [Requirement(Document.Bearer), Requirement(Document.Session), []],
            CallerKind.Anybody => [],
            CallerKind.Application => [Requirement(Document.Bearer)],
            _ => [Requirement(Document.Bearer), Requirement(Document.Session)],
        };

        OpenApiSecurityRequirement Requirement(string scheme) => new() { [new OpenApiSecuritySchemeReference(scheme, document)] = [] };
    }
}
