using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using AuthMesh.Identity;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Resource;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.OpenApi;

namespace AuthMesh.OpenApi;

/// <summary>
/// The OpenAPI 3.1 document of one service, made from its endpoints, its records and their comments. The service itself does not run: it
/// serves the file as an embedded one, and needs neither reflection nor this package. docs/decisions/0047-openapi-is-a-committed-file.md
/// </summary>
/// <param name="Title">Its title.</param>
/// <param name="File">The file in the repository.</param>
/// <param name="Json">The types of the service's bodies.</param>
/// <param name="AddServices">Registers the services of the handlers, so that they are not taken for parameters of the request.</param>
/// <param name="MapEndpoints">Maps the endpoints.</param>
public sealed record Description(
    string Title, string File, JsonSerializerContext Json, Action<IServiceCollection> AddServices, Action<WebApplication> MapEndpoints)
{
    private const OpenApiSpecVersion Version = OpenApiSpecVersion.OpenApi3_1;

    public static IReadOnlyList<Description> All { get; } =
    [
        new("AuthMesh: accounts, sessions and tokens", "identity-service/openapi.json", IdentityJson.Default,
            services => services.AddModules(), app => app.MapModules()),
        new("AuthMesh: the example service", "resource-service/openapi.json", ResourceJson.Default, _ => { }, app => app.MapExamples()),
    ];

    /// <summary>The text of the document.</summary>
    public async Task<string> MakeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.AddAuthMeshDefaults();
        AddServices(builder.Services);
        builder.Services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, Json);
        });
        builder.Services.AddOpenApi("all", options =>
        {
            options.OpenApiVersion = Version;
            options.ShouldInclude = IsPublic;
            options.AddSchemaTransformer(Schemas.Complete);
            options.AddOperationTransformer(Operations.Complete);
            options.AddDocumentTransformer((document, _, _) => Document.Complete(document, Title));
        });

        await using var app = builder.Build();
        MapEndpoints(app);
        app.UseRouting();
        app.UseEndpoints(_ => { }); // without it, the endpoints are known only to an application that runs
        var document = await app.Services.GetRequiredKeyedService<IOpenApiDocumentProvider>("all").GetOpenApiDocumentAsync();
        return await document.SerializeAsJsonAsync(Version) + "\n";
    }

    // Pages are for people, /internal is not passed by the gateway, and the health of a service is not the gateway's.
    private static bool IsPublic(ApiDescription endpoint) =>
        !endpoint.ActionDescriptor.EndpointMetadata.OfType<PageMarker>().Any()
        && endpoint.RelativePath is { } path && !path.StartsWith("internal/", StringComparison.Ordinal)
        && endpoint.HttpMethod != HttpMethods.Connect; // how a WebSocket begins over HTTP/2, which OpenAPI has no word for
}
