using Deque.AxeCore.Commons;
using Microsoft.Playwright;

namespace AuthMesh.Tests.Pages;

/// <summary>
/// Looks for barriers with axe, in the window itself. The package for Playwright would open a second window for each look and send the
/// script twice into each, which is for pages with frames and takes most of the time of a look.
/// </summary>
internal static class Axe
{
    private static readonly string Script = new BundledAxeScriptProvider().GetScript();

    /// <returns>Each violated rule with the elements that violate it.</returns>
    public static async Task<string[]> FindBarriersAsync(this IPage page)
    {
        await page.EvaluateAsync(Script);
        return await RunAsync(page, new { resultTypes = Violations });
    }

    /// <summary>Looks at the colours alone, on a page that was looked at before.</summary>
    public static Task<string[]> FindPaleTextAsync(this IPage page) =>
        RunAsync(page, new { runOnly = new { type = "rule", values = Contrast }, resultTypes = Violations });

    private static readonly string[] Violations = ["violations"], Contrast = ["color-contrast"];

    private static Task<string[]> RunAsync(IPage page, object options) => page.EvaluateAsync<string[]>(
        """
        async options => (await axe.run(document, options)).violations
          .map(violation => violation.id + ": " + violation.nodes.map(node => node.html).join(", "))
        """,
        options);
}
