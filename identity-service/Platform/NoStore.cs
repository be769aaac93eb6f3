namespace AuthMesh.Identity.Platform;

internal static class NoStore
{
    /// <summary>A group whose answers no cache may keep: they hold a token or describe an account (RFC 6749 §5.1).</summary>
    public static RouteGroupBuilder MapNoStore(this IEndpointRouteBuilder app) =>
        app.MapGroup("").AddEndpointFilter((context, next) =>
        {
            context.HttpContext.Response.Headers.CacheControl = "no-store";
            return next(context);
        });
}
