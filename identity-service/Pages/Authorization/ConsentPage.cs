using AuthMesh.Identity.OpenId;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Sessions;

namespace AuthMesh.Identity.Pages.Authorization;

/// <param name="Id">The request.</param>
/// <param name="Application">How people call the application.</param>
/// <param name="Host">Where the browser goes afterwards.</param>
/// <param name="Username">Who is signed in.</param>
/// <param name="Scopes">What the application asks for.</param>
public sealed record ConsentModel(
    Visit Visit, Form Form, string Id, string Application, string Host, string Username, IReadOnlyList<string> Scopes)
    : PageModel(Visit, Form)
{
    public override string Title => "consent.title";
}

/// <summary>Asks the user whether an application may act for them.</summary>
internal static class ConsentPage
{
    /// <summary>The field that says whom the page asked: meanwhile somebody else may have signed in at this browser.</summary>
    internal const string Account = "account";

    private const string Path = "/consent", Allow = "allow";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, DecideAsync);
    }

    public static string PathOf(string id) => $"{Path}?{AuthorizePage.Continue}={id}";

    private static async Task<IResult> ShowAsync(Visit visit, Authorize authorize, CancellationToken cancellationToken)
    {
        var id = visit.Context.Request.Query[AuthorizePage.Continue];
        return await RenderAsync(
            visit, Form.Empty, await authorize.ContinueAsync(id.Count == 1 ? id[0] : null, visit.Context, cancellationToken),
            cancellationToken);
    }

    private static async Task<IResult> DecideAsync(Visit visit, Authorize authorize, CancellationToken cancellationToken)
    {
        var form = await visit.ReadFormAsync(AuthorizePage.Continue, "decision", Account);
        return form.IsFine && form["decision"] is Allow or "refuse" && IsOf(await visit.FindAccountAsync(cancellationToken), form)
            ? AuthorizePage.Render(
                visit, await authorize.DecideAsync(
                    form[AuthorizePage.Continue], form["decision"] == Allow, visit.Context, cancellationToken))
            : await RenderAsync(
                visit, form, await authorize.ContinueAsync(form[AuthorizePage.Continue], visit.Context, cancellationToken),
                cancellationToken);
    }

    /// <summary>Whether the page that sent the form asked this account.</summary>
    internal static bool IsOf(OwnAccount? account, Form form) =>
        form[Account] is not { } asked || account is null || asked == account.Username;

    private static async Task<IResult> RenderAsync(
        Visit visit, Form form, AuthorizationStep step, CancellationToken cancellationToken)
    {
        if (step is not AuthorizationStep.Ask { Id: var id, Request: var request, Username: var username })
        {
            return AuthorizePage.Render(visit, step);
        }

        await visit.FindAccountAsync(cancellationToken); // for its language
        return visit.Show(Consent.Create(new ConsentModel(
            visit, form, id, request.Client.Name, ReturnPage.HostOf(request.Return.RedirectUri), username, request.Scopes)));
    }
}
