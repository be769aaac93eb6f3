using AuthMesh.Identity.Pages.Frame;

namespace AuthMesh.Identity.Pages.Entry;

/// <summary>The root of the origin, unless the team's own route takes it.</summary>
internal static class StartPage
{
    public static void Map(IEndpointRouteBuilder pages) => pages.MapGet("/", Show);

    private static IResult Show(Visit visit) => Visit.To(visit.IsSignedIn ? Visit.Home : "/signin");
}
