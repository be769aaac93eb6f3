using AuthMesh.Errors;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Passkeys;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.Pages.Account;

/// <param name="Passkeys">The account's passkeys, oldest first.</param>
/// <param name="IsTwoStep">Whether the password needs a second step.</param>
/// <param name="CanChooseTwoStep">Whether the person decides it: the account has a passkey and a password.</param>
public sealed record PasskeysModel(
    Visit Visit, Form Form, IReadOnlyList<PasskeyResponse> Passkeys, bool IsTwoStep, bool CanChooseTwoStep) : PageModel(Visit, Form)
{
    public override string Title => "passkeys.title";

    public override Section Section => Section.Security;

    public override IReadOnlyList<string> Scripts => ["times.js", "passkeys.js"];
}

/// <summary>Lists, adds, names and removes passkeys. A script adds one, because only a script can ask the browser for it.</summary>
internal static class PasskeysPage
{
    private const string Path = "/me/security/passkeys";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, ChangeAsync);
    }

    private static async Task<IResult> ShowAsync(Visit visit, ListPasskeys list, CancellationToken cancellationToken)
    {
        var (account, elsewhere) = await visit.DemandProofAsync(cancellationToken);
        return elsewhere ?? await RenderAsync(visit, Form.Empty, account!, list, cancellationToken);
    }

    private static async Task<IResult> ChangeAsync(
        Visit visit, ListPasskeys list, RenamePasskey rename, RemovePasskey remove, SetTwoStep setTwoStep,
        CancellationToken cancellationToken)
    {
        var (account, elsewhere) = await visit.DemandProofAsync(cancellationToken);
        if (account is null)
        {
            return elsewhere!;
        }

        var form = await visit.ReadFormAsync("action", "passkey", "name");
        if (form.IsFine)
        {
            var id = form["passkey"] ?? "";
            Failure? refusal;
            switch (form["action"])
            {
                case "remove":
                    refusal = await remove.RunAsync(id, visit.Context, cancellationToken);
                    break;
                case "two-step-on" or "two-step-off":
                    var isWanted = form["action"] == "two-step-on";
                    var set = await setTwoStep.RunAsync(new SetTwoStepRequest(isWanted), visit.Context, cancellationToken);
                    if (set.Result is Ok<SetTwoStepResponse> { Value.RecoveryCodes: { } codes })
                    {
                        return RecoveryCodesPage.ShowOnce(visit, codes, "passkeys.two-step-done");
                    }

                    refusal = set.Refusal();
                    break;
                default:
                    refusal = await rename.RunAsync(id, form["name"], visit.Context, cancellationToken);
                    break;
            }

            if (refusal is null)
            {
                return Visit.To(Path, form["action"] == "remove" ? "passkey-removed" : "passkeys");
            }

            if (visit.Divert(refusal) is { } other)
            {
                return other;
            }

            form.Refuse(refusal, visit.Language);
        }

        return await RenderAsync(visit, form, account, list, cancellationToken);
    }

    private static async Task<IResult> RenderAsync(
        Visit visit, Form form, OwnAccount account, ListPasskeys list, CancellationToken cancellationToken) =>
        await list.RunAsync(visit.Context, cancellationToken) is { } passkeys
            ? visit.Show(Passkeys.Create(new PasskeysModel(
                visit, form, passkeys, account.TwoStep, passkeys.Count > 0 && account.PasswordHash is not null)))
            : visit.ToSignIn();
}
