using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Sessions;

namespace AuthMesh.Identity.Pages.Account;

/// <param name="HasPassword">Whether the account has one, which the form asks for.</param>
public sealed record DeleteModel(Visit Visit, Form Form, bool HasPassword) : PageModel(Visit, Form)
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

    private static async Task<IResult> ShowAsync(Visit visit, CancellationToken cancellationToken)
    {
        var (account, elsewhere) = await visit.DemandPasswordOrProofAsync(cancellationToken);
        return elsewhere ?? Render(visit, Form.Empty, account!);
    }

    private static async Task<IResult> DeleteAsync(Visit visit, DeleteAccount deleteAccount, CancellationToken cancellationToken)
    {
        var (account, elsewhere) = await visit.DemandPasswordOrProofAsync(cancellationToken);
        if (account is null)
        {
            return elsewhere!;
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

        return Render(visit, form, account);
    }

    private static IResult Render(Visit visit, Form form, OwnAccount account) =>
        visit.Show(Delete.Create(new DeleteModel(visit, form, account.PasswordHash is not null)));
}
