namespace AuthMesh.Identity;

internal static class NeverStored
{
    /// <summary>RFC 6749 §5.1: an answer with a token, or about an account, is nobody's to keep.</summary>
    public static RouteGroupBuilder MapNeverStored(this IEndpointRouteBuilder app) =>
        app.MapGroup("").AddEndpointFilter((context, next) =>
        {
            context.HttpContext.Response.Headers.CacheControl = "no-store";
            return next(context);
        });
}
