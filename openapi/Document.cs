using Microsoft.OpenApi;

namespace AuthMesh.OpenApi;

/// <summary>What all operations of a document share: error bodies, answers that any request may get, and ways to sign in.</summary>
internal static class Document
{
    public const string Bearer = "bearer", Session = "session", Application = "application";

    public static Task Complete(OpenApiDocument document, string title)
    {
        document.Info = new()
        {
            Title = title,
            Version = typeof(Document).Assembly.GetName().Version!.ToString(3),
            Description = "Errors have one shape, and their codes are stable. A browser that asks for text/html gets an error as a page. "
                + "HEAD answers wherever GET does.",
        };
        document.Servers = [new() { Url = "/" }];
        document.Paths = InOrder(document.Paths);
        // The framework collects the names of the methods' classes. The operations have better ones.
        var groups = document.Paths.Values.SelectMany(path => path.Operations!.Values).SelectMany(operation => operation.Tags!)
            .Select(tag => tag.Reference.Id!).Distinct();
        document.Tags = groups.Select(name => new OpenApiTag { Name = name }).ToHashSet();

        var components = document.Components ??= new();
        components.Schemas ??= new Dictionary<string, IOpenApiSchema>();
        components.Schemas.Remove("SseItemOfstring");
        components.Headers = Headers.All;
        Errors.AddShared(document);
        components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
        {
            [Bearer] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http, Scheme = "bearer", BearerFormat = "JWT",
                Description = "An access token of a sign-in or an application, or a key of a user (am_…)",
            },
            [Session] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey, In = ParameterLocation.Cookie, Name = "__Host-authmesh",
                Description = "The session cookie of a browser. On plain http it is named authmesh- and the port",
            },
            [Application] = new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http, Scheme = "basic", Description = "The client_id and the secret of an application",
            },
        };
        return Task.CompletedTask;
    }

    // As docs/api.md lists them.
    private static OpenApiPaths InOrder(OpenApiPaths paths)
    {
        var ordered = new OpenApiPaths();
        foreach (var (path, item) in paths.OrderBy(
            pair => pair.Value.Operations!.Keys.Min(method => ApiPage.Find($"{method} {pair.Key}").Place)))
        {
            ordered.Add(path, item);
        }

        return ordered;
    }
}
