using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Pages.Frame;

namespace AuthMesh.Identity.Pages.Me;

public sealed record DeleteModel(Visit Visit, Form Form) : PageModel(Visit, Form)
{
    public override string Title => "delete.title";

    public override Section Section => Section.Profile;
}

internal static class DeletePage
{
    private const string Path = "/me/delete";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, DeleteAsync);
    }

    private static async Task<IResult> ShowAsync(Visit visit, CancellationToken cancellationToken) =>
        await visit.FindAccountAsync(cancellationToken) is null
            ? visit.ToSignIn() : visit.Show(Delete.Create(new DeleteModel(visit, Form.Empty)));

    private static async Task<IResult> DeleteAsync(Visit visit, DeleteAccount deleteAccount, CancellationToken cancellationToken)
    {
        if (await visit.FindAccountAsync(cancellationToken) is null)
        {
            return visit.ToSignIn();
        }

        var form = await visit.ReadFormAsync(FormField.Secret("current_password"));
        if (form.IsFine)
        {
            var answer = await deleteAccount.RunAsync(
                new DeleteAccountRequest(form["current_password"]), visit.Context, cancellationToken);
            if (answer.Refusal() is not { } refusal)
            {
                return Visit.To("/signin", "deleted");
            }

            if (visit.Divert(refusal) is { } other)
            {
                return other;
            }

            form.Refuse(refusal, visit.Language, refusal.Code == "wrong_password" ? "current_password" : null);
        }

        return visit.Show(Delete.Create(new DeleteModel(visit, form)));
    }
}
