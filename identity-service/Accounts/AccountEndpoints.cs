namespace AuthMesh.Identity.Accounts;

internal static class AccountEndpoints
{
    public static void MapAccounts(this IEndpointRouteBuilder app)
    {
        var group = app.MapGroup("").AddEndpointFilter(NeverStoreAsync);
        Register.Map(group);
        Login.Map(group);
    }

    // RFC 6749 §5.1: an answer with a token, or about an account, is nobody's to keep.
    private static ValueTask<object?> NeverStoreAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        context.HttpContext.Response.Headers.CacheControl = "no-store";
        return next(context);
    }
}
