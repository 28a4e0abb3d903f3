<#-- expensify-erp export v1: one JSON object per line, described in records.py. FreeMarker 2.3.23 and later.
     Values are made by functions, whose own white space is never printed, so a record cannot be broken across lines.
     Every variable is tested for existence and type before it is used: any field may be missing, null, "" or of another type. -->
<#function items x>
  <#if x?is_sequence><#return x></#if>
  <#local all = []>
  <#if x?is_enumerable><#list x as one><#local all = all + [one]></#list></#if>
  <#return all>
</#function>
<#-- A value as JSON, "" when there is nothing to print. Numbers before strings: some wrappers make every object a string too. -->
<#function json v name>
  <#if v?is_number>
    <#if v?is_nan || v?is_infinite><#return '"NaN"'></#if>
    <#if name?ends_with("ID")><#return '"' + v?c + '"'></#if>
    <#return v?c>
  </#if>
  <#if v?is_boolean><#return v?c></#if>
  <#if v?is_date>
    <#if v?is_date_only><#return '"' + v?iso_local_nz + '"'></#if>
    <#if v?is_time><#return ""></#if>
    <#return '"' + v?datetime?iso_utc?substring(0, 19)?replace("T", " ") + '"'>
  </#if>
  <#if v?is_string && v?length != 0><#return '"' + v?json_string + '"'></#if>
  <#return "">
</#function>
<#-- One member, with its comma in front; "" when the field has no value. -->
<#function member of field name>
  <#if !(of[field]??)><#return ""></#if>
  <#local value = json(of[field], name)>
  <#if value == ""><#return ""></#if>
  <#return ',"' + name + '":' + value>
</#function>
<#function members of names>
  <#local all = "">
  <#list names?split(" ") as name><#local all = all + member(of, name, name)></#list>
  <#return all>
</#function>
<#function inner of field name>
  <#if !(of[field]??)><#return ""></#if>
  <#local object = of[field]>
  <#if !(object?is_hash)><#return ""></#if>
  <#return member(object, "fullName", name)>
</#function>
<#function approvers report>
  <#local all = "">
  <#list items(report.approvers![]) as approver>
    <#if approver?? && approver?is_hash>
      <#local one = members(approver, "email date") + member(approver, "fullName", "name")>
      <#if one != ""><#local all = all + ",{" + one?substring(1) + "}"></#if>
    </#if>
  </#list>
  <#if all == ""><#return ""></#if>
  <#return ',"approvers":[' + all?substring(1) + "]">
</#function>
<#function tags expense>
  <#local all = "">
  <#list 1..10 as level><#local all = all + members(expense, "ntag" + level?c + " ntag" + level?c + "GlCode")></#list>
  <#return all>
</#function>
<#-- Only the last four characters of a card's number ever leave Expensify. -->
<#function card expense>
  <#if !(expense.cardNumber??)><#return ""></#if>
  <#local number = expense.cardNumber>
  <#if number?is_number><#local number = number?c></#if>
  <#if !(number?is_string)><#return ""></#if>
  <#if number?length gt 4><#local number = number?substring(number?length - 4)></#if>
  <#if number?length == 0><#return ""></#if>
  <#return ',"cardLast4":"' + number?json_string + '"'>
</#function>
<#function reportRecord report>
  <#return '{"k":"R"'
    + members(report, "reportID oldReportID reportName status stateNum accountEmail accountID submitterUserID submitterPayrollID")
    + members(report, "employeeCustomField1 employeeCustomField2") + inner(report, "submitter", "submitterName")
    + members(report, "managerEmail managerUserID") + inner(report, "manager", "managerName")
    + members(report, "created submitted approved reimbursed currency total policyID policyName isACHReimbursed entryID")
    + approvers(report) + "}">
</#function>
<#function expenseRecord report expense>
  <#return '{"k":"E"' + members(report, "reportID")
    + members(expense, "transactionID externalID merchant modifiedMerchant amount modifiedAmount convertedAmount currency")
    + members(expense, "currencyConversionRate created modifiedCreated inserted category categoryGlCode categoryPayrollCode")
    + members(expense, "tag tagGlCode") + tags(expense)
    + members(expense, "reimbursable billable hasTax isDistance taxAmount modifiedTaxAmount taxName taxRate taxRateName taxCode")
    + members(expense, "mcc bank cardName cardID") + card(expense) + members(expense, "managedCard type") + "}">
</#function>
<#assign rendering = items(reports![])>
{"k":"B","v":1,"reports":${rendering?size?c}}
<#list rendering as report>
<#if report?? && report?is_hash>
${reportRecord(report)}
<#assign expenses = items(report.transactionList![])>
<#list expenses as expense>
<#if expense?? && expense?is_hash>
${expenseRecord(report, expense)}
</#if>
</#list>
{"k":"Z"${members(report, "reportID")},"n":${expenses?size?c}}
</#if>
</#list>
{"k":"F","reports":${rendering?size?c}}
