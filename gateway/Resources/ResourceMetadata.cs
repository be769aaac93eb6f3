using System.Text.Json;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Gateway.RateLimiting;
using AuthMesh.Settings;
using AuthMesh.Tokens;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy;

namespace AuthMesh.Gateway.Resources;

/// <summary>The metadata of a protected resource (RFC 9728 §2).</summary>
internal sealed record ResourceDescription(
    string Resource, IReadOnlyList<string> AuthorizationServers, IReadOnlyList<string>? ScopesSupported,
    IReadOnlyList<string> BearerMethodsSupported);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ResourceDescription))]
internal sealed partial class ResourceJson : JsonSerializerContext;

/// <summary>
/// Tells clients which issuer's tokens open a route with an <see cref="RouteAudience"/>, and with which scopes. The gateway answers by
/// itself, from the routes of this moment.
/// </summary>
internal static class ResourceMetadata
{
    private const string WellKnown = "/.well-known/oauth-protected-resource"; // RFC 9728 §3
    private const string Cached = "public, max-age=300"; // as long as the key set, unless set; a change of the routes may take as long

    /// <summary>The address of a resource's metadata: the path stands between origin and path of the resource (RFC 9728 §3.1).</summary>
    public static string AddressOf(string audience, string issuer) => issuer + WellKnown + audience[issuer.Length..];

    public static void Map(IEndpointRouteBuilder app) => app.MapGet(WellKnown + "/{**path}", AnswerAsync)
        .AllowAnonymous().RequireCors(ListedOrigins.AnyPolicy).WithMetadata(RateClass.Anonymous);

    private static Task AnswerAsync(HttpContext context)
    {
        var issuer = context.RequestServices.GetRequiredService<IOptions<AuthMeshOptions>>().Value.Issuer;
        var audience = issuer + context.Request.Path.Value![WellKnown.Length..];
        var routes = context.RequestServices.GetRequiredService<IProxyStateLookup>().GetRoutes()
            .Select(route => route.Config).Where(route => RouteAudience.Of(route) == audience).ToList();
        if (routes.Count == 0)
        {
            return CommonFailures.FromStatus(StatusCodes.Status404NotFound).ExecuteAsync(context);
        }

        List<string> scopes = [.. routes.Select(ScopedRoutes.FindScope).OfType<string>().Distinct().Order(StringComparer.Ordinal)];
        context.Response.Headers.CacheControl = Cached;
        return context.Response.WriteAsJsonAsync(
            new ResourceDescription(audience, [issuer], scopes.Count > 0 ? scopes : null, ["header"]),
            ResourceJson.Default.ResourceDescription, cancellationToken: context.RequestAborted);
    }
}
