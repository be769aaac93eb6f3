using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Sessions;

namespace AuthMesh.Identity.Pages.Entry;

/// <summary>Ends the session of this browser. The gateway passes its cookie on, even if it no longer opens anything.</summary>
internal static class SignOutPage
{
    public static void Map(IEndpointRouteBuilder pages) => pages.MapPost("/signout", SignOutAsync);

    private static async Task<IResult> SignOutAsync(Visit visit, Logout logout, CancellationToken cancellationToken)
    {
        await logout.RunAsync(new LogoutRequest(), visit.Context, cancellationToken);
        return Visit.To("/signin", "signed-out");
    }
}
