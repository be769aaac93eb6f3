using AuthMesh.Identity.Keys;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Tokens;

public sealed record JwksResponse(IReadOnlyList<JwkResponse> Keys);

internal static class Metadata
{
    public static void Map(IEndpointRouteBuilder app) =>
        MapPublic(app).MapGet("/jwks.json", (KeyRing ring) => TypedResults.Ok(new JwksResponse([.. ring.PublicKeys])));

    /// <summary>A group for documents that everybody may read and caches may keep.</summary>
    public static RouteGroupBuilder MapPublic(IEndpointRouteBuilder app) =>
        app.MapGroup("/.well-known").AllowAnonymous().AddEndpointFilter(async (context, next) =>
        {
            var answer = await next(context);
            var maxAge = context.HttpContext.RequestServices.GetRequiredService<IOptions<KeyOptions>>().Value.MaxAge;
            context.HttpContext.Response.Headers.CacheControl = $"public, max-age={(int)maxAge.TotalSeconds}";
            return answer;
        });
}
