using AuthMesh.Errors;
using AuthMesh.Identity.Emails;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.Pages.Account;

/// <param name="Email">The proved address, if any.</param>
/// <param name="Requested">An address that is yet to be proved, if any.</param>
public sealed record EmailModel(Visit Visit, Form Form, string? Email, string? Requested) : PageModel(Visit, Form)
{
    public override string Title => "email.title";

    public override Section Section => Section.Profile;
}

/// <summary>Changes or removes the account's address.</summary>
internal static class EmailPage
{
    public const string Path = "/me/email";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, ChangeAsync);
    }

    private static async Task<IResult> ShowAsync(Visit visit, MailVerification mail, CancellationToken cancellationToken)
    {
        if (!mail.IsPossible)
        {
            return MailVerification.NotConfigured;
        }

        var (account, elsewhere) = await visit.DemandProofAsync(cancellationToken);
        return elsewhere ?? Render(visit, Form.Empty, account!);
    }

    private static async Task<IResult> ChangeAsync(
        Visit visit, ChangeEmail change, RemoveEmail remove, CancellationToken cancellationToken)
    {
        var (account, elsewhere) = await visit.DemandProofAsync(cancellationToken);
        if (account is null)
        {
            return elsewhere!;
        }

        var form = await visit.ReadFormAsync("email", "action");
        if (form.IsFine)
        {
            var isRemoved = form["action"] == "remove";
            INestedHttpResult answer = isRemoved
                ? await remove.RunAsync(visit.Context, cancellationToken)
                : await change.RunAsync(new ChangeEmailRequest(form["email"]), visit.Context, cancellationToken);
            if (answer.Refusal() is not { } refusal)
            {
                return Visit.To(Visit.Home, isRemoved ? "email-removed" : "email-requested");
            }

            if (visit.Divert(refusal) is { } other)
            {
                return other;
            }

            form.Refuse(refusal, visit.Language);
        }

        return Render(visit, form, account);
    }

    private static IResult Render(Visit visit, Form form, OwnAccount account) =>
        visit.Show(Email.Create(new EmailModel(visit, form, account.Email, account.RequestedEmail)));
}
