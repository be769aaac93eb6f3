namespace AuthMesh.Identity.Platform;

internal static class NoStore
{
    /// <summary>Maps a group whose answers no cache may store, because they hold a token or describe an account (RFC 6749 §5.1).</summary>
    public static RouteGroupBuilder MapNoStore(this IEndpointRouteBuilder app) =>
        app.MapGroup("").AddEndpointFilter((context, next) =>
        {
            context.HttpContext.Response.Headers.CacheControl = "no-store";
            return next(context);
        });
}
