using System.Globalization;
using AuthMesh.Errors;
using AuthMesh.Identity.ApiKeys;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Pages.Account;

/// <param name="Keys">The account's keys, oldest first.</param>
/// <param name="Lifetimes">The lifetimes to choose from, in days.</param>
/// <param name="Made">A new key, which is shown once; else null.</param>
public sealed record KeysModel(
    Visit Visit, Form Form, IReadOnlyList<KeyResponse> Keys, IReadOnlyList<int> Lifetimes, CreateKeyResponse? Made)
    : PageModel(Visit, Form)
{
    public override string Title => "keys.title";

    public override Section Section => Section.Security;

    public override IReadOnlyList<string> Scripts => ["times.js"];

    public int ChosenDays => int.TryParse(Form["expires_in_days"], out var days) ? days : CreateKey.DefaultDays;
}

/// <summary>Lists, creates and deletes keys for scripts.</summary>
internal static class KeysPage
{
    private const string Path = "/me/security/keys";

    private static readonly int[] Lifetimes = [7, 30, CreateKey.DefaultDays, 366];

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, ChangeAsync);
    }

    private static async Task<IResult> ShowAsync(
        Visit visit, ListKeys list, IOptions<ApiKeyOptions> options, CancellationToken cancellationToken)
    {
        var (_, elsewhere) = await visit.DemandProofAsync(cancellationToken);
        return elsewhere ?? await RenderAsync(visit, Form.Empty, list, options.Value, cancellationToken);
    }

    // With the field "key", the form deletes that key. Otherwise it creates one.
    private static async Task<IResult> ChangeAsync(
        Visit visit, ListKeys list, CreateKey create, DeleteKey delete, IOptions<ApiKeyOptions> options,
        CancellationToken cancellationToken)
    {
        var (account, elsewhere) = await visit.DemandProofAsync(cancellationToken);
        if (account is null)
        {
            return elsewhere!;
        }

        var form = await visit.ReadFormAsync("key", "name", "scopes", "expires_in_days");
        if (form.IsFine)
        {
            Failure? refusal;
            if (form["key"] is { } id)
            {
                refusal = (await delete.RunAsync(id, visit.Context, cancellationToken)).Refusal();
                if (refusal is null)
                {
                    return Visit.To(Path, "key-deleted");
                }
            }
            else
            {
                var answer = await create.RunAsync(ReadRequest(form), visit.Context, cancellationToken);
                if (answer.Result is Ok<CreateKeyResponse> { Value: { } made })
                {
                    return Show(visit, Form.Empty, [], options.Value, made); // no address shows it again
                }

                refusal = answer.Refusal()!;
            }

            if (visit.Divert(refusal) is { } other)
            {
                return other;
            }

            form.Refuse(refusal, visit.Language);
        }

        return await RenderAsync(visit, form, list, options.Value, cancellationToken);
    }

    private static CreateKeyRequest ReadRequest(Form form) => new(
        form["name"], form["scopes"]?.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) ?? [],
        form["expires_in_days"] is { } days ? ReadDays(days) : null);

    // A key never lasts 0 days, so a text that is no number is refused at the field.
    private static int ReadDays(string text) => int.TryParse(text, CultureInfo.InvariantCulture, out var days) ? days : 0;

    private static async Task<IResult> RenderAsync(
        Visit visit, Form form, ListKeys list, ApiKeyOptions options, CancellationToken cancellationToken) =>
        (await list.RunAsync(visit.Context, cancellationToken)).Result is Ok<KeysResponse> { Value: { } found }
            ? Show(visit, form, found.Keys, options, made: null)
            : visit.ToSignIn();

    private static IResult Show(
        Visit visit, Form form, IReadOnlyList<KeyResponse> keys, ApiKeyOptions options, CreateKeyResponse? made) =>
        visit.Show(Keys.Create(new KeysModel(
            visit, form, keys, [.. Lifetimes.Where(days => days <= options.LongestLifetime.TotalDays)], made)));
}
