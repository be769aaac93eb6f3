using System.Security.Claims;
using AuthMesh.Access;
using AuthMesh.Requests;
using AuthMesh.Tokens;

namespace AuthMesh.Resource;

/// <summary>An example of each kind of data: for who signed in, for admins, for applications, and two that stay open.</summary>
internal static class Examples
{
    public static void MapExamples(this IEndpointRouteBuilder app)
    {
        app.MapGet("/protected", (ClaimsPrincipal user) =>
            new ProtectedResponse("success", $"You are viewing protected content, {user.Username}!", user.Role));

        app.MapGet("/admin", (ClaimsPrincipal user) => new AdminResponse("success", $"Welcome to the admin panel, {user.Username}!"))
            .RequireAuthorization(Policies.Admin);

        app.MapGet("/stock", (ClaimsPrincipal caller) =>
                new StockResponse("success", $"You are viewing the stock, {caller.ApplicationId}!", caller.ApplicationId!))
            .RequireApplication("stock.read");

        app.MapEvents();
        app.MapLive();
        app.MapOpenApiFile("/openapi/resource.json", typeof(Examples).Assembly);
    }
}
