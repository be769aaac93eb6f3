using AuthMesh.Identity.Emails;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Passwords;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Pages.Entry;

/// <param name="Path">The address of this page.</param>
/// <param name="Username">Whose password the link sets.</param>
/// <param name="IsInvitation">Whether it is the account's first one.</param>
/// <param name="Passkeys">What else opens the account.</param>
/// <param name="HasAuthenticator">Whether an authenticator app is in use.</param>
/// <param name="RecoveryCodes">The recovery codes that are left.</param>
/// <param name="MinimumLength">The fewest characters of the password.</param>
public sealed record ResetModel(
    Visit Visit, Form Form, string Path, string Username, bool IsInvitation, IReadOnlyList<PasskeyOfReset> Passkeys,
    bool HasAuthenticator, int RecoveryCodes, int MinimumLength) : PageModel(Visit, Form)
{
    public override string Title => IsInvitation ? "invitation.title" : "reset.title";

    public override IReadOnlyList<string> Scripts => ["passwords.js", "times.js"];

    /// <summary>The name of a passkey's box.</summary>
    public static string Box(PasskeyOfReset passkey) => "remove_" + passkey.Id;

    /// <summary>Whether the box is ticked: as the person left it, and at first for new passkeys.</summary>
    public bool IsTicked(PasskeyOfReset passkey) => Form["account"] is null ? passkey.IsRecent : Form[Box(passkey)] is not null;
}

/// <summary>
/// Sets a password with the link of a mail, or of an admin. Opening the link uses nothing up: mail scanners open links, too.
/// </summary>
internal static class ResetPage
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        foreach (var path in (string[])["/reset", "/invitation"])
        {
            pages.MapGet(path, ShowAsync);
            pages.MapPost(path, SetAsync);
        }
    }

    private static async Task<IResult> ShowAsync(
        Visit visit, ProofCookie proof, ShowReset show, MailVerification mail, IOptions<PasswordOptions> rules,
        CancellationToken cancellationToken) =>
        proof.Take(visit) is { } elsewhere ? elsewhere
            : await FindAsync(visit, proof, show, cancellationToken) is { } found ? Render(visit, Form.Empty, found, rules.Value)
            : DeadLinkPage.Show(visit, mail);

    private static async Task<IResult> SetAsync(
        Visit visit, ProofCookie proof, ShowReset show, ResetPassword reset, MailVerification mail, IOptions<PasswordOptions> rules,
        CancellationToken cancellationToken)
    {
        if (await FindAsync(visit, proof, show, cancellationToken) is not { } found)
        {
            return DeadLinkPage.Show(visit, mail);
        }

        var form = await visit.ReadFormAsync(
            ["account", FormField.Secret("new_password"), .. found.Passkeys.Select(passkey => new FormField(ResetModel.Box(passkey)))]);
        if (form.IsFine && form["account"] != found.Username)
        {
            return DeadLinkPage.Show(visit, mail); // another tab, or another site, opened another link since the page was shown
        }

        if (form.IsFine)
        {
            var removed = found.Passkeys.Where(passkey => form[ResetModel.Box(passkey)] is not null).Select(passkey => passkey.Id).ToList();
            var answer = await reset.RunAsync(
                new ResetPasswordRequest(proof.Find(visit.Context.Request), form["new_password"], removed), visit.Context,
                cancellationToken);
            if (answer.Refusal() is not { } refusal)
            {
                proof.Clear(visit.Context.Response);
                return Visit.To(SignInPage.Path, "reset");
            }

            if (refusal.Code == ProofToken.InvalidOrExpired.Code)
            {
                return DeadLinkPage.Show(visit, mail); // used or expired at this moment
            }

            form.Refuse(refusal, visit.Language);
        }

        return Render(visit, form, found, rules.Value);
    }

    private static async Task<ShowResetResponse?> FindAsync(
        Visit visit, ProofCookie proof, ShowReset show, CancellationToken cancellationToken) =>
        ((await show.RunAsync(new ShowResetRequest(proof.Find(visit.Context.Request)), cancellationToken)).Result as Ok<ShowResetResponse>)
        ?.Value;

    private static IResult Render(Visit visit, Form form, ShowResetResponse found, PasswordOptions rules) =>
        visit.Show(Reset.Create(new ResetModel(
            visit, form, visit.Context.Request.Path, found.Username, found.IsInvitation, found.Passkeys,
            found.HasAuthenticator, found.RecoveryCodes, rules.MinimumLength)));
}
