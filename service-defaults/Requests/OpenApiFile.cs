using System.Reflection;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;

namespace AuthMesh.Requests;

/// <summary>Serves an OpenAPI document that was made before, without a generator in the service.</summary>
public static class OpenApiFile
{
    /// <summary>Serves the file that is embedded in an assembly as <c>openapi.json</c>, to everybody.</summary>
    /// <param name="app">The application.</param>
    /// <param name="path">The path: <c>/openapi/orders.json</c>.</param>
    /// <param name="assembly">The assembly.</param>
    public static void MapOpenApiFile(this IEndpointRouteBuilder app, string path, Assembly assembly)
    {
        var content = Read(assembly);
        var tag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, 16))}\"");
        app.MapGet(path, (HttpContext context) =>
        {
            context.Response.Headers.CacheControl = "public, max-age=300"; // as the metadata
            return TypedResults.Bytes(content, "application/json", entityTag: tag);
        }).AllowAnonymous().ExcludeFromDescription();
    }

    private static byte[] Read(Assembly assembly)
    {
        using var stream = assembly.GetManifestResourceStream("openapi.json")!;
        var content = new byte[stream.Length];
        stream.ReadExactly(content);
        return content;
    }
}
