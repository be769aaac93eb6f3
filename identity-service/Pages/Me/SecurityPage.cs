using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Sessions;

namespace AuthMesh.Identity.Pages.Me;

public sealed record SecurityModel(Visit Visit, Form Form, bool HasPassword) : PageModel(Visit, Form)
{
    public override string Title => "security.title";

    public override Section Section => Section.Security;
}

/// <summary>The ways into the account, each with a link to the page that changes it.</summary>
internal static class SecurityPage
{
    public static void Map(IEndpointRouteBuilder pages) => pages.MapGet("/me/security", ShowAsync);

    private static async Task<IResult> ShowAsync(Visit visit, CancellationToken cancellationToken) =>
        await visit.FindAccountAsync(cancellationToken) is { } account
            ? visit.Show(Security.Create(new SecurityModel(visit, Form.Empty, account.PasswordHash is not null)))
            : visit.ToSignIn();
}
