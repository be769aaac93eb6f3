using AuthMesh.Identity.Emails;
using AuthMesh.Identity.Pages.Account;
using AuthMesh.Identity.Pages.Frame;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.Pages.Entry;

/// <param name="Account">The account that asks for the address.</param>
/// <param name="Email">The address that the link was mailed to.</param>
/// <param name="AsksForPassword">Whether the person is not signed in to that account.</param>
public sealed record VerifyEmailModel(Visit Visit, Form Form, string Account, string Email, bool AsksForPassword)
    : PageModel(Visit, Form)
{
    public override string Title => "verify-email.title";
}

/// <summary>Proves an address, or says that the account is somebody else's.</summary>
internal static class VerifyEmailPage
{
    private const string Path = "/verify-email";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, VerifyAsync);
    }

    private static async Task<IResult> ShowAsync(
        Visit visit, ProofCookie proof, ShowVerification show, MailVerification mail, CancellationToken cancellationToken) =>
        proof.Take(visit) is { } elsewhere ? elsewhere
            : await FindAsync(visit, proof, show, cancellationToken) is { } found ? Render(visit, Form.Empty, found)
            : DeadLinkPage.Show(visit, mail, EmailPage.Path);

    private static async Task<IResult> VerifyAsync(
        Visit visit, ProofCookie proof, ShowVerification show, VerifyEmail verify, DisownEmail disown, MailVerification mail,
        CancellationToken cancellationToken)
    {
        if (await FindAsync(visit, proof, show, cancellationToken) is not { } found)
        {
            return DeadLinkPage.Show(visit, mail, EmailPage.Path);
        }

        var form = await visit.ReadFormAsync("account", FormField.Secret("password"), "action");
        if (form.IsFine && form["account"] != found.Username)
        {
            // Another tab, or another site, opened another link since the page was shown.
            return DeadLinkPage.Show(visit, mail, EmailPage.Path);
        }

        if (form.IsFine)
        {
            var token = proof.Find(visit.Context.Request);
            var isDisowned = form["action"] == "disown";
            // The field is there unless the person is signed in, and an empty one is a wrong password.
            var password = found.SignedIn ? null : form["password"] ?? "";
            INestedHttpResult answer = isDisowned
                ? await disown.RunAsync(new DisownEmailRequest(token), visit.Context, cancellationToken)
                : await verify.RunAsync(new VerifyEmailRequest(token, password), visit.Context, cancellationToken);
            if (answer.Refusal() is not { } refusal)
            {
                proof.Clear(visit.Context.Response);
                return isDisowned ? Visit.To(SignInPage.Path, "disowned")
                    : Visit.To(found.SignedIn ? Visit.Home : SignInPage.Path, "email-verified");
            }

            if (refusal.Code == ProofToken.InvalidOrExpired.Code)
            {
                return DeadLinkPage.Show(visit, mail, EmailPage.Path);
            }

            form.Refuse(refusal, visit.Language, refusal.Code == "wrong_password" ? "password" : null);
        }

        return Render(visit, form, found);
    }

    private static async Task<ShowVerificationResponse?> FindAsync(
        Visit visit, ProofCookie proof, ShowVerification show, CancellationToken cancellationToken) =>
        ((await show.RunAsync(new ShowVerificationRequest(proof.Find(visit.Context.Request)), visit.Context, cancellationToken)).Result
            as Ok<ShowVerificationResponse>)?.Value;

    private static IResult Render(Visit visit, Form form, ShowVerificationResponse found) =>
        visit.Show(AddressProof.Create(new VerifyEmailModel(visit, form, found.Username, found.Email, !found.SignedIn)));
}
