using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.Pages.Account;

/// <param name="Left">How many codes are left.</param>
/// <param name="Codes">New codes, which are shown once; else null.</param>
/// <param name="Introduction">The key of a text above new codes.</param>
public sealed record RecoveryCodesModel(Visit Visit, Form Form, int Left, IReadOnlyList<string>? Codes, string? Introduction)
    : PageModel(Visit, Form)
{
    public override string Title => "recovery.title";

    public override Section Section => Section.Security;

    /// <summary>The codes as a text file.</summary>
    public string File => $"{Visit.Options.ProductName}: {Visit.Username}\n\n{string.Join('\n', Codes!)}\n";

    public override IReadOnlyList<string> Scripts => Codes is null ? [] : ["print.js"];
}

internal static class RecoveryCodesPage
{
    private const string Path = "/me/security/recovery-codes";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, ReplaceAsync);
    }

    /// <summary>Shows new codes, in the answer to the form that made them. No address shows them again.</summary>
    public static IResult ShowOnce(Visit visit, IReadOnlyList<string> codes, string introduction) =>
        visit.Show(RecoveryCodes.Create(new RecoveryCodesModel(visit, Form.Empty, codes.Count, codes, introduction)));

    private static async Task<IResult> ShowAsync(Visit visit, IdentityDb db, CancellationToken cancellationToken)
    {
        var (account, elsewhere) = await visit.DemandProofAsync(cancellationToken);
        return elsewhere ?? await RenderAsync(visit, Form.Empty, account!, db, cancellationToken);
    }

    private static async Task<IResult> ReplaceAsync(
        Visit visit, ReplaceRecoveryCodes replace, IdentityDb db, CancellationToken cancellationToken)
    {
        var (account, elsewhere) = await visit.DemandProofAsync(cancellationToken);
        if (account is null)
        {
            return elsewhere!;
        }

        var form = await visit.ReadFormAsync();
        if (form.IsFine)
        {
            var answer = await replace.RunAsync(visit.Context, cancellationToken);
            if (answer.Result is Ok<RecoveryCodesResponse> { Value: { } made })
            {
                return ShowOnce(visit, made.RecoveryCodes, "recovery.replaced");
            }

            if (visit.Divert(answer.Refusal()!) is { } other)
            {
                return other;
            }

            form.Refuse(answer.Refusal()!, visit.Language);
        }

        return await RenderAsync(visit, form, account, db, cancellationToken);
    }

    private static async Task<IResult> RenderAsync(
        Visit visit, Form form, OwnAccount account, IdentityDb db, CancellationToken cancellationToken)
    {
        var factors = await EnabledFactors.FindAsync(db, account.Id, cancellationToken);
        return visit.Show(RecoveryCodes.Create(new RecoveryCodesModel(visit, form, factors.RecoveryCodes, null, null)));
    }
}
