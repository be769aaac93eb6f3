using AuthMesh.Errors;
using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Pages.Account;

/// <param name="HasPassword">Whether the account has one.</param>
/// <param name="CanDrop">Whether a passkey would remain.</param>
/// <param name="MinimumLength">The fewest characters of a new one.</param>
public sealed record PasswordModel(Visit Visit, Form Form, bool HasPassword, bool CanDrop, int MinimumLength) : PageModel(Visit, Form)
{
    public override string Title => HasPassword ? "change-password.title" : "change-password.first-title";

    public override Section Section => Section.Security;

    public override IReadOnlyList<string> Scripts => ["passwords.js"];
}

/// <summary>Changes, sets or drops the password.</summary>
internal static class PasswordPage
{
    private const string Path = "/me/security/password";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, ChangeAsync);
    }

    private static async Task<IResult> ShowAsync(
        Visit visit, IdentityDb db, IOptions<PasswordOptions> rules, CancellationToken cancellationToken)
    {
        var (account, elsewhere) = await visit.DemandPasswordOrProofAsync(cancellationToken);
        return elsewhere ?? await RenderAsync(visit, Form.Empty, account!, db, rules.Value, cancellationToken);
    }

    private static async Task<IResult> ChangeAsync(
        Visit visit, ChangePassword change, DropPassword drop, IdentityDb db, IOptions<PasswordOptions> rules,
        CancellationToken cancellationToken)
    {
        var (account, elsewhere) = await visit.DemandPasswordOrProofAsync(cancellationToken);
        if (account is null)
        {
            return elsewhere!;
        }

        var form = await visit.ReadFormAsync(FormField.Secret("current_password"), FormField.Secret("new_password"), "action");
        if (form.IsFine)
        {
            Failure? refusal;
            if (form["action"] == "drop")
            {
                // The use case checks the proof of the session, and this the proof of the token.
                var (_, first) = await visit.DemandProofAsync(cancellationToken);
                if (first is not null)
                {
                    return first;
                }

                var dropped = await drop.RunAsync(visit.Context, cancellationToken);
                if (dropped.Result is Ok<DropPasswordResponse> { Value: { } answer })
                {
                    return answer.RecoveryCodes is { } codes
                        ? RecoveryCodesPage.ShowOnce(visit, codes, "change-password.dropped")
                        : Visit.To(SecurityPage.Path, "password-dropped");
                }

                refusal = dropped.Refusal();
            }
            else
            {
                var changed = await change.RunAsync(
                    new ChangePasswordRequest(form["current_password"], form["new_password"]), visit.Context, cancellationToken);
                refusal = changed.Refusal();
                if (refusal is null)
                {
                    return Visit.To(SecurityPage.Path, "password");
                }
            }

            if (visit.Divert(refusal!) is { } other)
            {
                return other;
            }

            form.Refuse(refusal!, visit.Language, refusal!.Code == "wrong_password" ? "current_password" : null);
        }

        return await RenderAsync(visit, form, account, db, rules.Value, cancellationToken);
    }

    private static async Task<IResult> RenderAsync(
        Visit visit, Form form, OwnAccount account, IdentityDb db, PasswordOptions rules, CancellationToken cancellationToken)
    {
        var factors = await EnabledFactors.FindAsync(db, account.Id, cancellationToken);
        return visit.Show(Password.Create(new PasswordModel(
            visit, form, account.PasswordHash is not null, account.PasswordHash is not null && factors.Passkeys > 0, rules.MinimumLength)));
    }
}
